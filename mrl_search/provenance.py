"""What produced a figure or an index: code, machine, packages, command, time."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "numpy",
    "torch",
    "sentence-transformers",
    "transformers",
    "faiss-cpu",
    "faiss-gpu",
    "ir-measures",
    "datasets",
)


def provenance(device: str = "cpu") -> dict[str, object]:
    """A JSON-ready record of here and now, and of what computed. No package is imported for it."""
    return {
        "mrl_search": version(),
        "commit": commit(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]).encode("utf-8", "backslashreplace").decode(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": machine(),
        "device": device,
        "packages": {name: found for name in PACKAGES if (found := _installed(name))},
    }


def version() -> str:
    """The installed version of mrl-search."""
    return _installed("mrl-search") or "not installed"


def commit() -> str | None:
    """The git commit of this source tree, `+dirty` when tracked files differ from it; None outside a checkout."""
    source = Path(__file__).resolve().parents[1]
    if not (source / ".git").exists():  # a site-packages inside someone else's checkout is not ours
        return None
    head = _git(source, "rev-parse", "HEAD")
    changed = _git(source, "status", "--porcelain", "--untracked-files=no")
    return f"{head}+dirty" if head and changed else head


def machine() -> str:
    """Processor, cores and memory in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
