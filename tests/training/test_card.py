import pytest

from mrl_search.training.card import add_section, made_from


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


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"dims": [4, 16]}, "the losses of the widths [4, 16] are added up; seed 3."),
        (
            {"dims": [4], "mean": True, "depth": 2},
            "the base's first 2 layers, and the losses of the widths [4] are added",
        ),
        ({"dims": [4, 16], "method": "2dmse"}, "method `2dmse`, of the widths [4, 16]; seed 3."),
        (
            {"dims": [4, 16], "method": "starbucks", "layers": [1, 2]},
            "of the widths [4, 16] and the layers [1, 2]; seed 3.",
        ),
    ],
)
def test_a_card_says_what_the_loss_of_the_arm_is_the_sum_of(told, words):
    arm = {"name": "arm", "mean": False, "layers": False} | told
    made = {"commit": None, "machine": "m", "packages": {}}
    assert words in made_from({"recipe": {}, "arm": arm, "provenance": made, "seed": 3, "data": []})
