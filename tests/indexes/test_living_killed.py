"""A writer that is killed leaves a committed state: nothing lost that it had told, nothing half there."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import mrl_search

PROGRAM = Path(__file__).with_name("kill_writer.py")


@pytest.fixture
def memory(tmp_path):
    """A folder in memory, where there is one: a kill loses no page that was written, so the disk would only take time."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shared)) if os.access(shared, os.W_OK) else tmp_path
    yield folder
    shutil.rmtree(folder)


def killed(*words):
    here = str(Path(mrl_search.__file__).parents[1])
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": here}  # it forks
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | single,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return json.loads(done.stdout)


def test_a_writer_killed_at_any_named_step_leaves_the_old_index_or_the_new(memory):
    told = killed(memory, "points", 1, "put", "remove", "compact")
    assert told["changes"] == 102
    assert told["kills"] > 50  # a deletion writes no file, and has no such steps
    assert told["untold"] > 5  # after the commit


@pytest.mark.slow
@pytest.mark.parametrize(("call", "least"), [(1, 90), (2, 15)])
def test_a_writer_killed_at_any_named_step_of_a_refit_or_a_repair_leaves_the_old_index_or_the_new(memory, call, least):
    told = killed(memory, "points", call, "put", "remove", "compact", "refit", "repair")
    assert told["changes"] == 170
    assert told["kills"] >= least


def test_a_writer_killed_at_random_leaves_what_it_had_told_or_one_change_more(memory):
    assert killed(memory, "random", 8, 1)["kills"] == 8


@pytest.mark.slow
def test_a_writer_killed_at_random_hundreds_of_times_loses_nothing(memory):
    assert killed(memory, "random", 500, 2)["kills"] == 500
