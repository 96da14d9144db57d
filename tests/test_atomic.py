import pytest

from mrl_search.atomic import filling, replacing


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


def test_files_of_a_folder_arrive_together_beside_those_that_were_there(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/a").write_text("old")
    (tmp_path / "runs/b").write_text("old")
    with filling(tmp_path / "runs") as temporary:
        (temporary / "a").write_text("new")
        (temporary / "c").write_text("new")
        assert (tmp_path / "runs/a").read_text() == "old"
    found = {path.name: path.read_text() for path in (tmp_path / "runs").iterdir()}
    assert found == {"a": "new", "b": "old", "c": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_an_error_leaves_a_folder_as_it_was(tmp_path):
    with pytest.raises(ZeroDivisionError), filling(tmp_path / "deep" / "runs") as temporary:
        (temporary / "a").write_text("new")
        raise ZeroDivisionError
    assert list((tmp_path / "deep").iterdir()) == []
