"""A corpus in parts: every document once, in the part of its shard, in order, with its place in the whole."""

import numpy as np
import pytest

from mrl_search.data import open_corpus
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import CorpusError, VectorsError
from mrl_search.ingest import Reading
from mrl_search.scale import parts
from mrl_search.scale.parts import PartEncoder, WhatWasRead, documents_of, part_files, positions_of, vectors_file
from mrl_search.scale.routing import bucket_of, evenly, table

OWNERS = table(evenly(2))


def read(source, work, skip_bad=0, first=0):
    return parts.read_into_parts(open_corpus(str(source)), work, OWNERS, Reading("built", True, skip_bad), "key", first)


@pytest.fixture
def source(corpus):
    return corpus(*({"_id": f"d{n}", "title": "t", "text": f"number {n}", "year": n} for n in range(20)))


def test_parts_hold_so_many_documents_each_in_the_order_of_the_corpus(source, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PART", 4)
    told = read(source, tmp_path, first=100)
    assert told.count == 20 and WhatWasRead.read(tmp_path / "read.json") == told
    seen = {}
    for shard, count in enumerate(told.documents):
        files = part_files(tmp_path, told, shard)
        sizes = [len(positions_of(part)) for part in files]
        assert sum(sizes) == count and set(sizes[:-1]) <= {4} and told.parts[shard] == len(files)
        for part in files:
            for position, document in documents_of(part):
                assert OWNERS[bucket_of(document.id)] == shard
                seen[position] = document
        places = np.concatenate([positions_of(part) for part in files])
        assert (np.diff(places) > 0).all()
    assert [(position, one.id) for position, one in sorted(seen.items())] == [(100 + n, f"d{n}") for n in range(20)]
    assert seen[107].title == "t" and seen[107].metadata == {"year": 7}


def test_an_id_that_came_before_is_refused_with_its_place(corpus, tmp_path):
    source = corpus({"_id": "a", "text": "x"}, {"_id": "b", "text": "y"}, {"_id": "a", "text": "z"})
    with pytest.raises(CorpusError, match="the id 'a' is already that of document number 1"):
        read(source, tmp_path / "once")
    told = read(source, tmp_path / "tolerant", skip_bad=1)
    assert told.count == 2 and told.skipped == 1


def test_nothing_says_that_it_was_read_when_it_was_not(corpus, tmp_path):
    source = corpus({"_id": "a", "text": "x"}, {"_id": "a", "text": "y"})
    with pytest.raises(CorpusError):
        read(source, tmp_path)
    assert not (tmp_path / "read.json").exists()


def test_a_part_is_encoded_as_its_texts_are(source, tmp_path):
    (part,) = part_files(tmp_path, read(source, tmp_path), 0)
    spec = EncoderSpec("hashing:16")
    count = PartEncoder(spec, None, "cpu")(str(part))
    texts = [document.content for _, document in documents_of(part)]
    assert count == len(texts)
    assert (np.load(vectors_file(part)) == load_encoder(spec).encode_documents(texts)).all()


def test_given_vectors_are_taken_by_position_and_brought_to_unit_length(source, tmp_path):
    (part,) = part_files(tmp_path, read(source, tmp_path, first=50), 1)
    given = np.zeros((20, 2), np.float32)
    given[:, 0], given[:, 1] = 3, np.arange(20)
    np.save(tmp_path / "v.npy", given)
    PartEncoder(None, tmp_path / "v.npy", "cpu", first=50)(str(part))
    rows = positions_of(part) - 50
    wanted = given[rows] / np.hypot(3, rows)[:, None]
    assert np.load(vectors_file(part)) == pytest.approx(wanted)
    given[rows[0]] = np.inf
    np.save(tmp_path / "v.npy", given)
    with pytest.raises(VectorsError, match=rf"the vector in row {rows[0]} \(from 0\) holds NaN or infinity"):
        PartEncoder(None, tmp_path / "v.npy", "cpu", first=50)(str(part))
