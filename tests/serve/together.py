"""A real `mrl-search serve --servers`, from outside."""

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx2

ROOT = Path(__file__).resolve().parents[2]
WAIT = 60.0
COMMAND = [sys.executable, "-m", "mrl_search", "serve", "--port", "0", "--device", "cpu"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@contextmanager
def together(index, *options, count=2):
    """`mrl-search serve --servers`: its process, its address, and the lines it wrote."""
    with subprocess.Popen(
        [*COMMAND, str(index), "--servers", str(count), *options], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as process:
        lines, listens = [], threading.Event()

        def read():
            for line in process.stderr:
                lines.append(line)
                if " at http" in line:
                    listens.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            assert listens.wait(WAIT), lines
            address = next(found[1] for line in lines if (found := re.search(r" at (http\S+)", line)))
            yield SimpleNamespace(process=process, address=address, lines=lines)
        finally:
            process.terminate()
            process.wait(WAIT)
            reader.join()


def client(server, **told):
    """One with connections of its own."""
    return httpx2.Client(base_url=server.address, timeout=WAIT, **told)


def who(answer):
    """Of the process that answered."""
    return answer.headers["x-request-id"][:16]


def workers(server):
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def counting(server):
    """The folder in which its processes count."""
    told = Path(f"/proc/{workers(server)[0]}/environ").read_text()
    return Path(re.search("PROMETHEUS_MULTIPROC_DIR=([^\0]+)", told)[1])
