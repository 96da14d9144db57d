"""kill -9 amid upserts: what was acknowledged is there."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import mrl_search
from mrl_search.document import Document
from mrl_search.errors import ServeError
from mrl_search.serve import Client

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("upserts", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_every_acknowledged_document_is_there_after_a_kill(built, upserts):
    command = [sys.executable, "-m", "mrl_search", "serve", str(built), "--port", "0", "--device", "cpu"]
    acknowledged, writers = [], []

    def write(url, writer):
        with Client(url, retries=0) as client:
            for number in range(10_000):
                try:
                    client.upsert([Document(f"w{writer}-{number}", f"writer {writer} wrote {number}")])
                except ServeError:
                    return
                acknowledged.append(f"w{writer}-{number}")

    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    ) as server:
        address = next(found[1] for line in server.stderr if (found := re.search(r" at (http://\S+)", line)))
        reader = threading.Thread(target=server.stderr.read)
        writers += [threading.Thread(target=write, args=(address, writer)) for writer in range(3)]
        for thread in (reader, *writers):
            thread.start()
        end = time.monotonic() + 60
        while len(acknowledged) < upserts:
            assert time.monotonic() < end
            time.sleep(0.005)
        server.kill()
        for thread in (reader, *writers):
            thread.join()

    left = [one.problem for one in mrl_search.check(built)]  # files of the commit that was cut short, at most
    assert all("named by nothing that was committed" in problem for problem in left)
    with mrl_search.open(built) as retriever:
        there = {answer.id for answer in retriever.search(["wrote"], funnel=f"64:{len(retriever)}")[0]}
    assert set(acknowledged) <= there
    assert len(there) >= 30 + len(acknowledged)
