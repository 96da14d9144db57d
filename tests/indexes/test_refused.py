"""What the disk or SQLite refuses is told with its reason."""

import os
import shutil
import sqlite3
from collections import namedtuple

from mrl_search.indexes.refused import refused


def test_an_error_of_the_system_is_told_in_its_words_without_number_and_path(tmp_path):
    assert refused(OSError(28, "No space left on device", "f"), tmp_path) == "No space left on device"


def test_sqlite_s_error_gets_the_reason_that_it_does_not_give(tmp_path, monkeypatch):
    error = sqlite3.OperationalError("disk I/O error")
    assert refused(error, tmp_path) == "disk I/O error"
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda folder: namedtuple("Usage", "free")(0))
        assert refused(error, tmp_path) == "disk I/O error: no space is left on the disk"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert refused(error, tmp_path) == "disk I/O error: the folder is read-only, or not yours to write to"


def test_a_folder_that_is_gone_is_said_to_be(tmp_path):
    told = refused(sqlite3.OperationalError("unable to open database file"), tmp_path / "gone")
    assert told == "unable to open database file: the folder is gone"
