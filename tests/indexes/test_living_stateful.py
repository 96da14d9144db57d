"""Any sequence of adds, replacements, deletions, merges and readers, against a dictionary."""

import shutil
import tempfile
from pathlib import Path

import living_model as model
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mrl_search.indexes import check, merging, open_index

IDS = st.sampled_from([f"id{number}" for number in range(12)])
DOCUMENTS = st.dictionaries(IDS, st.integers(0, 40).map(str), min_size=1, max_size=5)


class Living(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.folder = self.root / "index"
        self.documents = {}
        self.readers = []

    @initialize(documents=DOCUMENTS)
    def build(self, documents):
        model.start(self.folder, documents)
        self.documents = dict(documents)

    @rule(documents=DOCUMENTS, merges=st.booleans())
    def add(self, documents, merges):
        model.put(self.folder, documents, merges=merges)
        self.documents |= documents

    @rule(ids=st.lists(IDS, max_size=6))
    def delete(self, ids):
        model.remove(self.folder, ids)
        for identifier in ids:
            self.documents.pop(identifier, None)

    @rule()
    def compact(self):
        model.compact(self.folder)

    @rule()
    def open_reader(self):
        if len(self.readers) < 3:
            self.readers.append((open_index(self.folder), dict(self.documents)))

    @rule()
    def close_reader(self):
        if self.readers:
            stored, documents = self.readers.pop(0)
            model.demand(stored, documents)
            stored.close()

    @rule()
    def check(self):
        assert check(self.folder) == []

    @invariant()
    def holds_what_the_dictionary_holds(self):
        if self.folder.exists():
            model.opened(self.folder, self.documents)
        for stored, documents in self.readers:
            model.demand(stored, documents)

    def teardown(self):
        for stored, _ in self.readers:
            stored.close()
        shutil.rmtree(self.root)


def tried(monkeypatch, examples, steps):
    monkeypatch.setattr(merging, "_SMALL", 3)  # so that a few documents make several segments
    run_state_machine_as_test(
        Living, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, database=None)
    )


def test_an_index_is_what_a_dictionary_would_be(monkeypatch):
    tried(monkeypatch, 10, 15)


@pytest.mark.slow
def test_an_index_is_what_a_dictionary_would_be_for_thousands_of_steps(monkeypatch):
    tried(monkeypatch, 100, 60)
