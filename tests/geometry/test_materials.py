import json

import numpy as np
import pytest

from mrl_search.encoders import EncoderSpec
from mrl_search.errors import CorpusError, EncoderError, VectorsError
from mrl_search.geometry.materials import Asked, material

HASHING = EncoderSpec("hashing:32")


@pytest.fixture
def collection(tmp_path):
    """120 documents; two queries, of which one has a relevant document that is there."""
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{n}", "title": "", "text": f"word{n} common"} for n in range(120)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    queries = [{"_id": "q0", "text": "word3"}, {"_id": "q1", "text": "word4"}]
    (folder / "queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in queries))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td3\t2\nq1\td4\t0\n")
    return folder


def test_a_collection_gives_documents_to_measure_and_queries_with_a_relevant_document(collection):
    found = material(HASHING, Asked(dataset="tiny", data=collection.parent, sample=100))
    assert found.subject.vectors.shape == (100, 32)
    assert found.subject.rows_of == "100 of 120 documents of tiny"
    assert found.judged.queries.shape == (1, 32)
    assert found.judged.gains.nonzero()[1].tolist() == [3]
    assert found.judged.gains.max() == 2


def test_texts_may_be_others_than_the_collection_s(collection, corpus):
    texts = corpus(*({"_id": str(n), "text": f"other{n}"} for n in range(150)))
    found = material(HASHING, Asked(texts=texts, dataset="tiny", data=collection.parent))
    assert len(found.subject.vectors) == 150
    assert found.judged.documents.shape == (120, 32)


def test_of_scored_pairs_those_above_four_fifths_of_the_highest_belong_together(tmp_path, corpus):
    texts = corpus(*({"_id": str(n), "text": f"word{n}"} for n in range(100)))
    pairs = tmp_path / "pairs.jsonl"
    scored = [("a", "b", 5), ("c", "d", 4.0), ("e", "f", 4.2), ("g", "h", 0)]
    pairs.write_text("".join(json.dumps({"sentence1": a, "sentence2": b, "score": s}) + "\n" for a, b, s in scored))
    found = material(HASHING, Asked(texts=texts, pairs=pairs))
    assert len(found.pairs[0]) == len(found.pairs[1]) == 2


def test_one_pair_is_too_few(tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"query": "a", "positive": "b"}\n')
    with pytest.raises(CorpusError, match="found 1 pairs that belong together, wanted two or more"):
        material(HASHING, Asked(pairs=pairs))


def test_a_file_of_vectors_encodes_no_pairs(tmp_path):
    np.save(tmp_path / "some.npy", np.eye(200, dtype=np.float32))
    with pytest.raises(EncoderError, match="encodes nothing; name an encoder for --pairs and --dataset"):
        material(EncoderSpec(str(tmp_path / "some.npy")), Asked(pairs=tmp_path / "pairs.jsonl"))


def test_too_few_rows_are_refused(tmp_path):
    np.save(tmp_path / "few.npy", np.eye(20, dtype=np.float32))
    with pytest.raises(VectorsError, match="gives 20 vectors; wanted at least 100"):
        material(EncoderSpec(str(tmp_path / "few.npy")), Asked())
