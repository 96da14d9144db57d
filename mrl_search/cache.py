"""Where things are kept that can be made again."""

import os
from pathlib import Path


def cache_root() -> Path:
    """`$MRL_SEARCH_CACHE`, else `$XDG_CACHE_HOME/mrl-search`, else `~/.cache/mrl-search`; not created here.

    Everything below it may be deleted at any time: it costs only the time to make it again.
    """
    given = os.environ.get("MRL_SEARCH_CACHE")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "mrl-search"
