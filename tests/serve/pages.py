"""What tests of the page share."""

import json

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def answers(page):
    return page.locator(".answer")


def lines(*documents):
    """JSON lines; a string is a line as it is."""
    return "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in documents).encode()


def give(page, name, content):
    """Puts a file of these bytes in, on the Documents tab."""
    page.click("#tab-documents")
    page.set_input_files("#files", {"name": name, "mimeType": "application/octet-stream", "buffer": content})


def card(page, name):
    """Of the file's transfer."""
    return page.locator(".transfer", has_text=name)


def state(page, name):
    """What the file's card says at its right end."""
    return card(page, name).locator(".row > span")
