"""Keys are shown once, and kept as hashes."""

import hashlib
import json
import os
import stat

import pytest

from mrl_search.errors import ServeError
from mrl_search.serve import create_key, read_keys, revoke_key
from mrl_search.serve.keys import Keyring


def test_a_key_s_file_holds_its_hash_and_is_its_owner_s_alone(tmp_path):
    path = tmp_path / "keys.json"
    secret = create_key(path, "me", ["write", "read"])
    (key,) = read_keys(path)
    assert (key.name, key.scopes) == ("me", ("read", "write"))
    assert key.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(secret) == len("mrl_") + 43  # 256 bits in base64


def test_a_ring_knows_whose_key_it_is(tmp_path):
    path = tmp_path / "keys.json"
    secrets = {name: create_key(path, name, ["read"]) for name in ("a", "b")}
    ring = Keyring(path)
    assert {name: ring.holder(secret).name for name, secret in secrets.items()} == {"a": "a", "b": "b"}
    assert ring.holder(secrets["a"][:-1]) is None
    assert ring.holder(hashlib.sha256(secrets["a"].encode()).hexdigest()) is None


def test_a_revoked_key_is_gone_and_others_stay(tmp_path):
    path = tmp_path / "keys.json"
    for name in ("a", "b"):
        create_key(path, name, ["read"])
    revoke_key(path, "a")
    assert [key.name for key in read_keys(path)] == ["b"]
    with pytest.raises(ServeError, match="has no key a; it has: b"):
        revoke_key(path, "a")


def test_a_name_is_given_once(tmp_path):
    create_key(tmp_path / "keys.json", "a", ["read"])
    with pytest.raises(ServeError, match="has a key a already"):
        create_key(tmp_path / "keys.json", "a", ["read"])


@pytest.mark.parametrize("name", ["", "a b", "-a", "é", "x" * 65])
def test_a_name_is_a_plain_word(tmp_path, name):
    with pytest.raises(ServeError, match="cannot be called"):
        create_key(tmp_path / "keys.json", name, ["read"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"keys": [1]}',
        '{"keys": [{"name": "a"}]}',
        '{"keys": 3}',
        json.dumps({"keys": [{"name": "a", "scopes": ["admin"], "sha256": "0" * 64, "created": ""}]}),
        json.dumps({"keys": [{"name": "a", "scopes": ["read"], "sha256": "0", "created": ""}]}),
        json.dumps({"keys": [{"name": "a", "scopes": ["read"], "sha256": "0" * 64, "created": ""}] * 2}),
    ],
)
def test_a_file_of_something_else_is_an_error(tmp_path, text):
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(ServeError):
        read_keys(tmp_path / "keys.json")


def test_a_link_stays_one_and_its_file_is_changed(tmp_path):
    """A key was revoked beside the file that the server reads."""
    path, link = tmp_path / "keys.json", tmp_path / "link.json"
    create_key(path, "a", ["read"])
    link.symlink_to(path)
    revoke_key(link, "a")
    assert link.is_symlink()
    assert read_keys(path) == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_what_root_changes_stays_its_owner_s(tmp_path):
    """The server's user could not read it any more, and let nobody in."""
    path = tmp_path / "keys.json"
    create_key(path, "a", ["read"])
    os.chown(path, 12_345, 12_346)
    revoke_key(path, "a")
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (12_345, 12_346, 0o600)
