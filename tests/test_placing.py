import json

import numpy as np
import pytest
import torch

from mrl_search.builder import BuildOptions, build
from mrl_search.device import CPU
from mrl_search.encoders import EncoderSpec
from mrl_search.encoders.hashing import HashingEncoder
from mrl_search.errors import EncoderError
from mrl_search.eval import EvalOptions, EvalRecipe, evaluate
from mrl_search.funnel import Funnel
from mrl_search.indexes import StoredVectors, VectorIndex, add_bounds, exact, read_manifest
from mrl_search.placing import exact_on, index_on, rotation_on, told_of
from mrl_search.retriever import open_retriever, search
from mrl_search.rotation import Rotation
from mrl_search.trace import traced_search


def test_on_the_cpu_everything_stays_as_it_is(clustered):
    index = VectorIndex(StoredVectors(clustered, "float32"))
    rotation = Rotation(np.eye(4, dtype=np.float32), "pca")
    assert index_on(CPU, index, "Flat") is index
    assert rotation_on(CPU, rotation) is rotation
    assert rotation_on(CPU, None) is None
    assert told_of(CPU, "PQ64x4fs") == index.where == "cpu"
    found, expected = exact_on(CPU, index.stored, clustered[:2], [8], 3), exact(index.stored, clustered[:2], [8], 3)
    np.testing.assert_array_equal(found[8].rows, expected[8].rows)


def test_a_card_gives_what_the_cpu_gives(clustered, pretended_card):
    stored = StoredVectors(clustered, "float32")
    found, expected = (
        exact_on(pretended_card, stored, clustered[:9], [8, 32], 5),
        exact(stored, clustered[:9], [8, 32], 5),
    )
    for dim in (8, 32):
        np.testing.assert_array_equal(found[dim].rows, expected[dim].rows)
    assert rotation_on(pretended_card, None) is None
    assert told_of(pretended_card, "PQ64x4fs") == (
        "cpu (a card), torch Flat float16; PQ64x4fs is FAISS's; torch compares the prefixes themselves"
    )


@pytest.fixture
def folder(corpus, tmp_path):
    texts = [f"number {n} of {n % 11} and {n * n % 13}" for n in range(1200)]
    source = corpus(*({"_id": f"d{n}", "text": text} for n, text in enumerate(texts)))
    return build(source, tmp_path / "i", dims=(16, 64), encoder="hashing:64", options=BuildOptions(rotation="pca"))


def test_an_index_that_is_open_on_a_card_answers_as_on_the_cpu(folder, pretended_card):
    with open_retriever(folder) as cpu, open_retriever(folder, device=pretended_card) as card:
        assert (cpu.where, card.where) == ("cpu", "cpu (a card), torch Flat float16; full vectors resident")
        for asked in (["number 7 of 7"], [f"number {n}" for n in range(30)]):
            ours, theirs = (some.search(asked, k=5) for some in (card, cpu))
            for one, other in zip(ours, theirs, strict=True):  # of hashed words many are as near, but for rounding
                assert [a.score for a in one] == pytest.approx([a.score for a in other], abs=1e-6)
                assert one[0].id == other[0].id


class OnDevice(HashingEncoder):
    """An encoder that can hand out tensors; counts what it hands out as arrays."""

    as_arrays = 0

    def encode_queries(self, texts):
        self.as_arrays += len(texts)
        return super().encode_queries(texts)

    def queries_on_device(self, texts):
        return torch.from_numpy(super().encode_queries(texts))


def test_texts_are_encoded_turned_and_searched_without_leaving_the_card(folder, pretended_card):
    encoder, texts = OnDevice(EncoderSpec("hashing:64")), [f"number {n} of {n % 11}" for n in range(40)]
    with open_retriever(folder, encoder, device=pretended_card) as card:
        card.warm_up()
        before = encoder.as_arrays
        found = card.search(texts, k=5)
        assert encoder.as_arrays == before
        through_arrays = card.search_vectors(card.encode(texts), k=5)
    for one, other in zip(found, through_arrays, strict=True):
        assert [a.score for a in one] == pytest.approx([a.score for a in other], abs=1e-6)
        assert one[0].id == other[0].id


def test_vectors_wider_than_what_is_stored_are_cut_there_as_elsewhere(corpus, tmp_path, pretended_card):
    source = corpus(*({"_id": f"d{n}", "text": f"number {n} of {n % 11} and {n * n % 13}"} for n in range(1200)))
    for rotation in ("pca", "none"):
        options = BuildOptions(rotation=rotation, force=True)
        folder = build(source, tmp_path / "i", dims=(8, 32), encoder="hashing:64", options=options)
        with open_retriever(folder, OnDevice(EncoderSpec("hashing:64")), device=pretended_card) as card:
            texts = ["number 7 of 7", "number 9"]
            found, through_arrays = card.search(texts, k=3), card.search_vectors(card.encode(texts), k=3)
        for one, other in zip(found, through_arrays, strict=True):
            assert [a.score for a in one] == pytest.approx([a.score for a in other], abs=1e-6)


def test_what_is_proven_and_what_the_cpu_searches_goes_through_arrays(folder, pretended_card):
    for device in (pretended_card, CPU):
        encoder = OnDevice(EncoderSpec("hashing:64"))
        with open_retriever(folder, encoder, device=device) as some:
            some.search(["number 7 of 7"], guarantee="exact" if device.is_cuda else None)
        assert encoder.as_arrays == 2  # with the probe sentence


def test_vectors_of_a_card_are_checked_as_others_are(folder, pretended_card, monkeypatch):
    encoder = OnDevice(EncoderSpec("hashing:64"))
    with open_retriever(folder, encoder, device=pretended_card) as card:
        for wrong, told in ((torch.nan, "returned NaN or infinity"), (2.0, "a vector of length 16, wanted 1")):
            monkeypatch.setattr(encoder, "queries_on_device", lambda texts, w=wrong: torch.full((1, 64), w))
            with pytest.raises(EncoderError, match=told):
                card.search(["number 7"])


@pytest.mark.parametrize("has_bounds", [True, False])
def test_an_answer_is_proven_on_a_card_as_on_the_cpu(folder, pretended_card, has_bounds):
    if has_bounds:
        add_bounds(folder)
    with open_retriever(folder) as cpu, open_retriever(folder, device=pretended_card) as card:
        assert (card.stored.vectors.bounds is not None) == has_bounds
        queries = cpu.encode([f"number {n}" for n in range(20)])
        turned = cpu.checked_queries(queries)
        hits = [
            some.stored.vectors.proven(turned, search(some.stored.vectors, turned, cpu.funnel)) for some in (card, cpu)
        ]
        np.testing.assert_array_equal(hits[0].rows, hits[1].rows)
        np.testing.assert_array_equal(hits[0].scores, hits[1].scores)
        found = traced_search(card, queries[:1], Funnel.parse("16:20,64:5"), proof=True)
        assert found.certificate.certified.all()
        assert [a.id for a in found.answers] == [
            a.id for a in card.search_vectors(queries[:1], 5, guarantee="exact")[0]
        ]


def test_what_is_compared_whole_on_a_card_is_certified_there(folder, pretended_card):
    with open_retriever(folder, device=pretended_card) as card:
        query = card.encode(["number 7 of 7"])
        assert traced_search(card, query, Funnel.parse("16:1200,64:5")).certificate.certified.all()
        assert not traced_search(card, query, Funnel.parse("16:6,64:5")).certificate.certified.any()


def test_an_index_that_was_built_with_a_card_says_so_and_is_the_same(corpus, folder, tmp_path, pretended_card):
    options = BuildOptions(rotation="pca", device=pretended_card)
    source = str(tmp_path / "corpus.jsonl")
    other = build(source, tmp_path / "j", dims=(16, 64), encoder="hashing:64", options=options)
    assert read_manifest(folder)[0].provenance["device"] == "cpu"
    assert read_manifest(other)[0].provenance["device"] == "cpu (a card)"
    with open_retriever(folder) as one, open_retriever(other) as two:
        np.testing.assert_allclose(one.stored.vectors.stored.data, two.stored.vectors.stored.data, atol=2e-6)


def test_an_evaluation_on_a_card_measures_the_same_and_says_where(tmp_path, pretended_card):
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    words = np.random.default_rng(0).integers(10_000, size=(300, 80))  # so many that no two documents are as near
    own = [{"_id": str(n), "text": " ".join(map(str, row))} for n, row in enumerate(words.tolist())]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in own))
    asked = [{"_id": f"q{n}", "text": " ".join(map(str, words[n, :30].tolist()))} for n in range(12)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in asked))
    judged = "".join(f"q{n}\t{n}\t1\n" for n in range(12))
    (folder / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    recipe = EvalRecipe(
        f"dir:{folder}",
        encoders=(EncoderSpec("hashing:64"),),
        dims=(16,),
        funnels=("16:30,64:10",),
        rotations=("none", "pca"),
        prefixes=("Flat", "SQ8"),
    )
    cpu, card = (evaluate(recipe, EvalOptions(device=device, cache=False)) for device in ("cpu", pretended_card))
    assert [row.mean for row in card.reports] == [pytest.approx(row.mean, abs=1e-9) for row in cpu.reports]
    assert {row.cost.device for row in cpu.reports} == {"cpu"}
    assert all(row.cost.device.startswith("cpu (a card), torch Flat float16") for row in card.reports)
    assert card.provenance["device"] == "cpu (a card)"
