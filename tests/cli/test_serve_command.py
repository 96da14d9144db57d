"""The commands `serve` and `keys`: what is typed wrongly is said at once; a server is one that serves, and stops."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from calls import DOCUMENTS
from click.testing import CliRunner

from mrl_search.cli import main

ROOT = Path(__file__).resolve().parents[2]


def run(*words):
    return CliRunner().invoke(main, words)


def test_keys_are_made_listed_and_revoked(tmp_path):
    path = str(tmp_path / "keys.json")
    made = run("keys", "create", "me", "--scope", "read", "--scope", "write", "--file", path)
    assert re.fullmatch(r"mrl_[\w-]{43}\n", made.output)
    assert re.fullmatch(r"me\tread,write\t20\S+\n", run("keys", "list", "--file", path).output)
    assert run("keys", "revoke", "me", "--file", path).exit_code == 0
    assert run("keys", "list", "--file", path).output == ""


@pytest.mark.parametrize(
    "words, told",
    [
        (["nowhere"], "there is no index in nowhere"),
        (["corpus", "--host", "0.0.0.0"], "0.0.0.0 can be reached from other machines, and there are no keys"),
        (["corpus", "--keys", "absent.json"], "the keys in absent.json cannot be read"),
        (["corpus", "--tls-cert", "absent.pem"], "a certificate and its key go together"),
        (["corpus", "--tls-cert", "absent.pem", "--tls-key", "absent.pem"], "the certificate or its key cannot be"),
        (["corpus", "--host", "256.0.0.1", "--insecure"], "256.0.0.1:8000 cannot be listened on"),
        (["corpus", "--tuning", "absent.json"], "cannot read the result absent.json"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(built, words, told):
    result = run("serve", *words)
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error")]
    assert told in line


def test_a_server_serves_until_it_is_told_to_stop(built):
    command = [sys.executable, "-m", "mrl_search", "serve", "corpus", "--port", "0", "--device", "cpu"]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"serving corpus at (http://127\.0\.0\.1:\d+)", line):
                break
        assert found, lines
        body = json.dumps({"query": "anything", "k": 1}).encode()
        request = urllib.request.Request(f"{found[1]}/v1/search", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["documents"] == len(DOCUMENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
        assert '"message": "answered"' in process.stderr.read()
