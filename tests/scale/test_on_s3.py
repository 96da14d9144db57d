"""Clusters in S3, spoken by a real server of it (moto's) on this machine's loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mrl_search

pytest.importorskip("s3fs")
pytest.importorskip("flask")
moto_server = pytest.importorskip("moto.server")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).resolve().parents[2]
URL = "s3://shop/many/big"


@pytest.fixture(scope="module")
def endpoint():
    import boto3

    server = moto_server.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket="shop")
    yield address
    server.stop()


@pytest.fixture
def run(endpoint, tmp_path):
    """The command line on a machine of that name, which shares nothing with others but the store."""

    def run(machine, *words, code=0, **env):
        home = tmp_path / machine
        home.mkdir(exist_ok=True)
        told = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_DEFAULT_REGION": "us-east-1",
            "MRL_SEARCH_CACHE": str(home / "cache"),
            "PYTHONPATH": str(ROOT),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        done = subprocess.run(
            [sys.executable, "-m", "mrl_search", *words],
            cwd=home, env=os.environ | told | env, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done

    return run


def test_what_one_machine_builds_into_s3_another_asks_with_and_without_ray(run, tmp_path):
    lines = (json.dumps({"_id": f"d{n}", "text": f"number {n % 90}"}) + "\n" for n in range(700))
    (tmp_path / "c.jsonl").write_text("".join(lines))
    told = ["--encoder", "hashing:64", "--dims", "16,64", "--rotation", "pca", "--prefix", "Flat"]
    built = run("builder", "build", str(tmp_path / "c.jsonl"), "--shards", "4", "--index", URL, *told, "--ray=local")
    assert built.stdout.startswith(f"{URL}: 4 shards, 700 documents")
    one = mrl_search.build(
        tmp_path / "c.jsonl", tmp_path / "one", dims=(16, 64), encoder="hashing:64",
        options=mrl_search.BuildOptions(rotation="pca", prefix="Flat"),
    )  # fmt: skip
    with mrl_search.open(one) as retriever:
        wanted = [(answer.id, answer.score) for answer in retriever.search(["number 7"], 20)[0]]
    for words in ([], ["--ray=local"]):
        asked = run(f"asker{len(words)}", "query", "number 7", "--k", "20", "--index", URL, "--json", *words)
        assert [(one["id"], one["score"]) for one in json.loads(asked.stdout)["answers"]] == pytest.approx(wanted)
    shown = json.loads(run("looker", "shards", URL, "--json").stdout)
    assert sum(shard["documents"] for shard in shown["shards"]) == 700


def test_a_bucket_that_is_not_there_and_a_server_that_is_not_there_are_told_in_one_line(run):
    told = run("asker", "query", "x", "--index", "s3://nobody/x", code=1).stderr
    assert "there is no cluster at s3://nobody/x" in told
    told = run("asker", "query", "x", "--index", URL, code=1, AWS_ENDPOINT_URL="http://127.0.0.1:9").stderr
    assert f"Error: {URL} cannot be reached: " in told and told.count("\n") == 1
