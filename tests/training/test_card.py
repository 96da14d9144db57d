from mrl_search.training.card import add_section


def test_a_section_is_added_once_and_replaced(tmp_path):
    card = tmp_path / "README.md"
    card.write_text("# Model\n")
    add_section(card, "widths", "first")
    add_section(card, "made", "other")
    add_section(card, "widths", "second")
    text = card.read_text()
    assert text.startswith("# Model\n")
    assert (text.count("first"), text.count("second"), text.count("other")) == (0, 1, 1)


def test_a_card_that_is_not_there_is_made(tmp_path):
    add_section(tmp_path / "README.md", "widths", "text")
    assert "text" in (tmp_path / "README.md").read_text()
