"""What the tests of the builder build: documents, and the encoder they are encoded with."""

ENCODER = "hashing:64"


def doc(identifier, text="some text", **other):
    return {"_id": identifier, "text": text, **other}
