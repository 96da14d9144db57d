import json

import pytest
from calls import DOCUMENTS, call


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a corpus in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    return tmp_path


@pytest.fixture
def built(here):
    """The corpus, indexed under indexes/corpus."""
    call("build", "corpus.jsonl", "--encoder", "hashing:64", "--dims", "16,64")
    return here
