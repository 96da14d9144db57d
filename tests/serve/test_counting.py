"""A file to count in has all its room, or is not had."""

import errno
import os
import stat
from pathlib import Path

import pytest

from mrl_search.errors import ServeError
from mrl_search.serve.counting import with_room


def open_handles():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_has_its_room_and_keeps_what_is_in_it(tmp_path):
    path = tmp_path / "numbers"
    for _ in range(2):
        handle = with_room(path, 8_192)
        os.pwrite(handle, b"one", 0)
        os.close(handle)
    found = path.stat()
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (8_192, 0o600)
    assert found.st_blocks * 512 >= 8_192
    assert path.read_bytes()[:4] == b"one\0"


def test_where_there_is_none_that_is_said_and_nothing_stays_open(tmp_path, monkeypatch):
    def full(handle, start, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    before = open_handles()
    with pytest.raises(ServeError, match=r"no room for 256 KiB more \(No space left on device\); make some, or serve"):
        with_room(tmp_path / "folder", 2**18)
    with pytest.raises(ServeError, match="No such file or directory"):
        with_room(tmp_path / "nowhere" / "numbers", 2**18)
    assert open_handles() == before
