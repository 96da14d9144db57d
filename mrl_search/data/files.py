"""Files as bytes and as numbered lines, in bounded memory."""

import contextlib
import gzip
import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from mrl_search.data.record import BadRecordError
from mrl_search.errors import CorpusError

STDIN = "-"
LINE_LIMIT = 16 * 2**20  # bytes; longer "lines" are files without line ends, and would fill the memory
_BOM = b"\xef\xbb\xbf"
_SKIP = 2**20  # bytes read at a time from a line that is passed over


@contextlib.contextmanager
def open_bytes(source: str) -> Iterator[BinaryIO]:
    """The file, unpacked if its name ends in .gz, or stdin for `-`.

    Raises CorpusError when it cannot be opened or, at any later read, turns out
    damaged: what follows the damage is lost, so that is never skipped.
    """
    try:
        if source == STDIN:
            yield sys.stdin.buffer
        elif source.lower().endswith(".gz"):
            with gzip.open(source, "rb") as file:
                yield cast(BinaryIO, file)
        else:
            with open(source, "rb") as file:  # noqa: PTH123 - `source` may be any text, "-" too
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorpusError(f"{source} is not a whole gzip file: {error}") from error
    except OSError as error:
        raise CorpusError(f"{source} cannot be read: {error.strerror or error}") from error


def byte_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines, ends included, without a byte order mark; None stands for one of more than LINE_LIMIT bytes."""
    line = file.readline(LINE_LIMIT + 1).removeprefix(_BOM)
    while line:
        if len(line) > LINE_LIMIT and not line.endswith(b"\n"):
            _pass_over(file)
            yield None
        else:
            yield line
        line = file.readline(LINE_LIMIT + 1)


def decoded(line: bytes | None) -> str:
    """The line as text without its end (LF or CRLF). Raises BadRecordError if it is too long or not UTF-8."""
    if line is None:
        raise BadRecordError(f"is longer than {LINE_LIMIT:,} bytes")
    try:
        return line.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise BadRecordError(f"is not UTF-8: byte 0x{line[error.start]:02x} at offset {error.start}") from None


def _pass_over(file: BinaryIO) -> None:
    """Reads to the end of the line, holding no more than a piece of it."""
    piece = file.readline(_SKIP)
    while piece and not piece.endswith(b"\n"):
        piece = file.readline(_SKIP)
