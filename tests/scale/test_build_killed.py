"""A build that is killed goes on where it was, with everything it started on Ray gone, the head too."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mrl_search.scale import build_cluster, is_cluster, open_cluster

ROOT = Path(__file__).resolve().parents[2]


def killed_after(seconds, words, env):
    """Whether the process ended before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mrl_search", *words],
        cwd=ROOT, env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _, told = process.communicate(timeout=seconds)
        assert process.returncode == 0, told
        return True
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return False


@pytest.mark.slow
@pytest.mark.parametrize(("ray", "longest", "step"), [([], 6.0, 0.4), (["--ray=local"], 40.0, 5.0)])
def test_a_build_that_was_killed_again_and_again_is_that_of_one_go(tmp_path, ray, longest, step):
    path, folder = tmp_path / "c.jsonl", tmp_path / "killed"
    lines = (json.dumps({"_id": f"d{n}", "text": f"number {n % 999} of {n % 77}"}) + "\n" for n in range(20_000))
    path.write_text("".join(lines))
    told = ["--shards", "4", "--encoder", "hashing:64", "--dims", "16,64", "--prefix", "Flat", "--rotation", "none"]
    words = ["build", str(path), "--index", str(folder), *told, *ray]
    env = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "PYTHONPATH": str(ROOT)}
    choice, kills, seconds = random.Random(1), 0, 1.0
    while not killed_after(seconds * choice.uniform(0.8, 1.2), words, env) and not is_cluster(folder):
        kills += 1
        seconds = min(longest, seconds + step) if kills < 30 else 300.0
        time.sleep(0.2)
    assert kills
    from mrl_search import BuildOptions

    options = BuildOptions(prefix="Flat", rotation="none")
    whole = build_cluster(path, tmp_path / "whole", shards=4, dims=(16, 64), encoder="hashing:64", options=options)
    with open_cluster(folder) as one, open_cluster(whole) as other:
        assert len(one) == 20_000
        texts = [f"number {n} of {n % 77}" for n in range(0, 999, 40)]
        assert one.search(texts, 20) == other.search(texts, 20)
