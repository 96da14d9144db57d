"""All processes of a Ray cluster of one node are SIGKILLed: who waits is told of it, and nothing committed is lost."""

import json
import re
import shutil
import sys
import tempfile
import time

import pytest

pytest.importorskip("ray")
from hosts import Host, end, environment, ray_on

import mrl_search
from mrl_search.errors import ClusterError
from mrl_search.scale import build_cluster, open_cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:ray"),
]
TOLD = ["--shards", "2", "--encoder", "hashing:64", "--dims", "16,64", "--prefix", "Flat", "--rotation", "none"]
TEXTS = [f"number {n}" for n in range(0, 999, 40)]
SAID = r"the head of the Ray cluster at [\d.]+:\d+ does not answer any more; start Ray anew with `ray start --head`"


@pytest.fixture
def here(monkeypatch):
    import ray
    from ray._private.authentication_test_utils import reset_auth_token_state

    env = environment()
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, env[name])
    yield Host("", ray.util.get_node_ip_address(), [], env)  # Ray takes no 127.0.0.1 for an answer
    monkeypatch.undo()
    reset_auth_token_state()  # or whoever comes next in this process would show a token, and want one of his own Ray


@pytest.fixture
def ray_here(here):
    """Starts a head; yields its address and processes. Each has a folder of a short name, as sockets lie in it."""
    from contextlib import contextmanager

    @contextmanager
    def started():
        with (
            tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder,
            ray_on([here], folder) as ray,
        ):
            yield ray

    return started


def lost_while(here, ray_here, words, has_begun):
    """What the command says when all of Ray is killed as soon as it has begun; and that it is told within a minute."""
    with ray_here() as (address, (node,)):
        process = here.start(sys.executable, "-m", "mrl_search", *words, "--ray", address)
        while process.poll() is None and not has_begun():
            time.sleep(0.01)
        end(node)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    return said.strip().splitlines()[-1]


def lines(first, last):
    return "".join(
        json.dumps({"_id": f"d{n}", "text": f"number {n % 999} of {n % 77}"}) + "\n" for n in range(first, last)
    )


def test_a_build_says_so_in_one_line_and_goes_on_under_another_head(here, ray_here, tmp_path):
    source, folder = tmp_path / "c.jsonl", tmp_path / "c"
    source.write_text(lines(0, 30_000))
    words = ["build", str(source), "--index", str(folder), *TOLD]
    assert re.search(SAID, lost_while(here, ray_here, words, lambda: any(folder.glob("work/*/*.npy"))))
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("work/*/*.npy")}
    assert kept
    with ray_here() as (address, _):
        here.run(sys.executable, "-m", "mrl_search", *words, "--ray", address)
    options = mrl_search.BuildOptions(prefix="Flat", rotation="none")
    whole = build_cluster(source, tmp_path / "w", shards=2, dims=(16, 64), encoder="hashing:64", options=options)
    with open_cluster(folder) as one, open_cluster(whole) as other:
        assert one.search(TEXTS, 20) == other.search(TEXTS, 20)


def test_so_does_an_addition_and_made_again_it_is_whole(here, ray_here, cluster, tmp_path):
    folder, source = shutil.copytree(cluster, tmp_path / "c"), tmp_path / "more.jsonl"
    source.write_text(lines(1_000, 21_000))
    words = ["add", str(folder), str(source)]
    assert re.search(SAID, lost_while(here, ray_here, words, lambda: any(folder.glob(".adding-*/*/*.npy"))))
    with open_cluster(folder) as one:
        assert len(one) >= 700  # all that was committed before
    with ray_here() as (address, _):
        here.run(sys.executable, "-m", "mrl_search", *words, "--ray", address)
    with open_cluster(folder) as one:
        assert len(one) == 700 + 20_000
        assert [answer.id for answer in one.search(["number 20 of 55"], 1)[0]] == ["d20999"]


def test_a_question_is_refused_within_half_a_minute_and_answered_by_what_a_new_head_starts(ray_here, cluster):
    from mrl_search.scale.ray_shards import ray_transport

    with ray_here() as (address, (node,)), open_cluster(cluster, transport=ray_transport(address)) as asked:
        before = asked.search(["number 7"], 5)
        end(node)
        start = time.monotonic()
        with pytest.raises(ClusterError, match=SAID):
            while True:
                asked.search(["number 7"], 5)
        assert time.monotonic() - start < 30
    with ray_here() as (address, _), open_cluster(cluster, transport=ray_transport(address)) as asked:
        assert asked.search(["number 7"], 5) == before
