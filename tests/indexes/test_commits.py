"""A look for commits changes once they can be read, and not before."""

import shutil
import sqlite3

from test_writer import write

from mrl_search.indexes.commits import Commits


def test_it_is_another_once_a_commit_can_be_read_and_not_while_it_is_written(tmp_path):
    write(tmp_path / "i", ["a"])
    commits = Commits(tmp_path / "i")
    before = commits.stamp()
    writer = sqlite3.connect(tmp_path / "i/index.sqlite", isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")  # so that pages come to the -wal before the commit
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("CREATE TABLE more (text TEXT)")
    writer.executemany("INSERT INTO more VALUES (?)", [("x" * 1_000,)] * 1_000)
    assert (tmp_path / "i/index.sqlite-wal").stat().st_size > 100_000
    assert commits.stamp() == before
    writer.execute("COMMIT")
    after = commits.stamp()
    assert after != before
    assert commits.stamp() == after
    writer.close()


def test_it_is_another_where_the_file_is_another_and_goes_on_behind_one_that_is_not_there(tmp_path):
    write(tmp_path / "i", ["a"])
    write(tmp_path / "j", ["b"])
    commits = Commits(tmp_path / "i")
    seen = [commits.stamp()]
    shutil.rmtree(tmp_path / "i")
    seen.append(commits.stamp())
    shutil.copytree(tmp_path / "j", tmp_path / "i")
    seen.append(commits.stamp())
    (tmp_path / "i/index.sqlite").write_bytes(b"no database" * 1_000)
    assert commits.stamp() != seen[-1]
    assert len(set(map(str, seen))) == 3
