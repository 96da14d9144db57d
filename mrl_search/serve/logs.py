"""One JSON object a line on stderr. Neither keys nor texts of queries are in it."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime


class JSONLines(logging.Formatter):
    """A record's time, level, logger and message, and what its `told` says."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever is in it."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "told", {})
        if record.exc_info is not None and record.exc_info[1] is not None:
            line["trace"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(line, ensure_ascii=True, default=str)


def write_json_lines(level: str) -> None:
    """Makes the root logger write so, and nothing else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING")  # of libraries; FAISS tells how it was loaded
    for name in ("mrl_search", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
    logging.captureWarnings(capture=True)
