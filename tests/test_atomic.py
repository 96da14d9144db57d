import pytest

from mrl_search.atomic import replacing


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path):
    (tmp_path / "f").write_text("old")
    with replacing(tmp_path / "f") as temporary:
        temporary.write_text("new")
        assert (tmp_path / "f").read_text() == "old"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("f", "new")]


def test_an_error_leaves_what_was_there_and_nothing_beside_it(tmp_path):
    (tmp_path / "f").write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "f") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("f", "old")]
