import signal
import subprocess
import sys

import pytest

from mrl_search.atomic import filling, held, promised, replacing


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


def test_an_error_leaves_a_folder_as_it_was_and_none_that_was_made_for_it(tmp_path):
    (tmp_path / "there").mkdir()
    for place in ("deep/deeper/runs", "there/runs"):
        with pytest.raises(ZeroDivisionError), filling(tmp_path / place) as temporary:
            (temporary / "a").write_text("new")
            raise ZeroDivisionError
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_folder_cannot_be_filled_where_a_file_is(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(NotADirectoryError), filling(tmp_path / "runs"):
        pytest.fail("the work was begun")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


KILLED = """
import os, sys, time
from pathlib import Path
from mrl_search.atomic import filling
with filling(Path(sys.argv[1])) as temporary:
    (temporary / "half").touch()
    print("begun", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_fills_is_not(tmp_path):
    processes = [
        subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / name)], stdout=subprocess.PIPE)
        for name in ("killed", "living")
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == b"begun\n"
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        assert sorted(path.name.split(".")[1] for path in tmp_path.iterdir()) == ["killed", "living"]
        with filling(tmp_path / "other") as temporary:
            (temporary / "a").touch()
        assert sorted(path.name.strip(".").split(".")[0] for path in tmp_path.iterdir()) == ["living", "other"]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()


def test_where_folders_cannot_be_locked_nothing_is_swept(tmp_path, monkeypatch):
    def refused(handle, how):
        raise OSError

    (tmp_path / ".old.x.unfinished").mkdir()
    monkeypatch.setattr("fcntl.flock", refused)
    with filling(tmp_path / "runs") as temporary:
        (temporary / "a").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".old.x.unfinished", "runs"]


def test_a_promised_folder_goes_again_if_nothing_came_into_it(tmp_path):
    (tmp_path / "there").mkdir()
    for place in ("a/b", "there"):
        with promised(tmp_path / place):
            assert (tmp_path / place).is_dir()
    with promised(tmp_path / "c/d"):
        (tmp_path / "c/d/file").touch()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["c", "c/d", "c/d/file", "there"]


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
    with held(tmp_path), pytest.raises(BlockingIOError), held(tmp_path):
        pass
    with held(tmp_path):
        pass
