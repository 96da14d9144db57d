import gzip
import io

import pytest

from mrl_search.data import files
from mrl_search.data.files import byte_lines, decoded, open_bytes
from mrl_search.data.record import BadRecordError
from mrl_search.errors import CorpusError


def read(path):
    with open_bytes(str(path)) as file:
        return file.read()


class Counting(io.BytesIO):
    """Notes the longest piece ever handed out."""

    longest = 0

    def readline(self, size=-1):
        line = super().readline(size)
        self.longest = max(self.longest, len(line))
        return line


def test_a_gzip_file_is_unpacked(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"hello\n"))
    assert read(path) == b"hello\n"


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match=r"none\.txt cannot be read: No such file or directory"):
        read(tmp_path / "none.txt")


def test_a_folder_in_place_of_a_file_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_a_truncated_gzip_file_is_an_error(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"hello\n" * 1000)[:-12])
    with pytest.raises(CorpusError, match=r"a\.txt\.gz is not a whole gzip file: Compressed file ended"):
        read(path)


def test_a_corrupt_gzip_file_is_an_error(tmp_path):
    path = tmp_path / "a.txt.gz"
    packed = bytearray(gzip.compress(bytes(range(256)) * 100))
    packed[20] ^= 0xFF
    path.write_bytes(packed)
    with pytest.raises(CorpusError, match=r"a\.txt\.gz is not a whole gzip file"):
        read(path)


def test_a_file_only_called_gz_is_an_error(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_text("hello\n")
    with pytest.raises(CorpusError, match="is not a whole gzip file: Not a gzipped file"):
        read(path)


def test_a_byte_order_mark_is_dropped_at_the_start_only():
    assert list(byte_lines(io.BytesIO(b"\xef\xbb\xbfa\n\xef\xbb\xbfb"))) == [b"a\n", b"\xef\xbb\xbfb"]


def test_a_file_of_nothing_but_a_byte_order_mark_has_no_lines():
    assert list(byte_lines(io.BytesIO(b"\xef\xbb\xbf"))) == []


def test_a_line_of_exactly_the_limit_is_read(monkeypatch):
    monkeypatch.setattr(files, "LINE_LIMIT", 4)
    assert list(byte_lines(io.BytesIO(b"abcd\nabcd"))) == [b"abcd\n", b"abcd"]


def test_a_line_over_the_limit_is_passed_over_and_the_next_one_read(monkeypatch):
    monkeypatch.setattr(files, "LINE_LIMIT", 4)
    assert list(byte_lines(io.BytesIO(b"abcde\nxy\nabcdefgh"))) == [None, b"xy\n", None]


def test_an_endless_line_is_never_held_in_memory_whole():
    file = Counting(b"x" * (40 * 2**20) + b"\nlast\n")
    assert list(byte_lines(file)) == [None, b"last\n"]
    assert file.longest == 16 * 2**20 + 1


def test_line_ends_of_both_kinds_are_cut_off():
    assert [decoded(b"a\r\n"), decoded(b"a\n"), decoded(b"a")] == ["a", "a", "a"]


def test_a_byte_that_is_not_utf8_is_named_with_its_offset():
    with pytest.raises(BadRecordError, match=r"^is not UTF-8: byte 0xe9 at offset 3$"):
        decoded(b"caf\xe9\n")
