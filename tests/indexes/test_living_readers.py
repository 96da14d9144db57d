"""Readers in processes of their own, beside a writer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import living_model as model
import pytest

import mrl_search
from mrl_search.indexes import merging

READER = """
import json, sys, time
from pathlib import Path
import living_model as model
from mrl_search.indexes import open_index

folder, way, seen = Path(sys.argv[1]), sys.argv[2], []
if way == "once":  # opens, waits to be told that the index is another by now, and searches what it has mapped
    stored = open_index(folder)
    print("open", flush=True)
    sys.stdin.readline()
    model.demand(stored, json.loads(sys.argv[3]))
    stored.close()
else:
    stored = open_index(folder)
    model.demand(stored, model.contents(stored))  # loads what a first search loads
    stored.close()
    print("open", flush=True)
    end = time.monotonic() + float(way)
    while time.monotonic() < end:
        stored = open_index(folder)
        held = model.contents(stored)
        assert held["a"] == held["b"], held  # the writer changes both together
        model.demand(stored, held)
        stored.close()
        seen.append(int(held["a"]))
    assert seen == sorted(seen)  # what was committed stays committed
print(json.dumps(seen))
"""


def reader(folder, *words):
    here = [str(Path(mrl_search.__file__).parents[1]), str(Path(__file__).parent)]
    told = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(here)}
    process = subprocess.Popen(
        [sys.executable, "-c", READER, str(folder), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | told,
    )
    assert process.stdout.readline() == "open\n"
    return process


def test_a_reader_in_another_process_goes_on_after_its_segments_were_removed(tmp_path):
    folder = tmp_path / "index"
    model.start(folder, before := {f"id{number}": str(number) for number in range(20)})
    process = reader(folder, "once", json.dumps(before))
    there = sorted((folder / "segments").iterdir())
    model.put(folder, {"id3": "77", "new": "78"}, merges=False)
    model.remove(folder, ["id4"])
    model.compact(folder)
    assert not set(there) & set((folder / "segments").iterdir())
    told, _ = process.communicate("go\n", timeout=60)
    assert (process.returncode, told) == (0, "[]\n")


@pytest.mark.parametrize("seconds", [2.0, pytest.param(30.0, marks=pytest.mark.slow)])
def test_readers_see_committed_states_only_in_the_order_they_were_committed(tmp_path, monkeypatch, seconds):
    monkeypatch.setattr(merging, "_SMALL", 4)
    folder = tmp_path / "index"
    model.start(folder, {"a": "0", "b": "0", **{f"id{number}": str(number) for number in range(9)}})
    processes = [reader(folder, str(seconds)) for _ in range(2)]
    version = 0
    while any(process.poll() is None for process in processes):
        version += 1
        model.put(folder, {"a": str(version), f"id{version % 9}": str(version), "b": str(version)})
        if version % 5 == 0:
            model.compact(folder)
    for process in processes:
        told, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert len(json.loads(told)) > 1
    model.opened(folder, {"a": str(version), "b": str(version), **_rest(version)})


def _rest(version):
    found = {f"id{number}": str(number) for number in range(9)}
    for one in range(1, version + 1):
        found[f"id{one % 9}"] = str(one)
    return found
