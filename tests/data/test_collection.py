import pytest

from mrl_search.data.collection import folder_name


@pytest.mark.parametrize(
    ("text", "name"),
    [("My corpus", "My-corpus"), ("../../etc", "-..-etc"), (".hidden", "hidden"), ("...", "corpus"), ("", "corpus")],
)
def test_a_name_is_made_fit_for_a_folder(text, name):
    assert folder_name(text) == name
