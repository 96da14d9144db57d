"""The evaluator on collections small enough to work by hand, and on real ones."""

import json
import sys

import pytest

from mrl_search.encoders import EncoderSpec
from mrl_search.encoders.sentence import SentenceEncoder
from mrl_search.errors import DatasetError, DimensionError, FunnelError, IndexStoreError
from mrl_search.eval import EvalOptions, EvalRecipe, evaluate, table
from mrl_search.run import read_run

HASHING = (EncoderSpec("hashing:64"),)


@pytest.fixture
def collection(tmp_path):
    """Writes a BEIR folder; returns its dir: name."""

    def write(documents, queries, qrels, name="tiny"):
        folder = tmp_path / name
        (folder / "qrels").mkdir(parents=True)
        (folder / "corpus.jsonl").write_text("".join(json.dumps({"_id": k, "text": v}) + "\n" for k, v in documents))
        (folder / "queries.jsonl").write_text(
            "".join(json.dumps({"_id": k, "text": v}) + "\n" for k, v in queries.items())
        )
        lines = [f"{q}\t{d}\t{grade}\n" for q, judged in qrels.items() for d, grade in judged.items()]
        (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
        return f"dir:{folder}"

    return write


TINY = [("a", "red fox"), ("b", "tax law of the land"), ("c", "blue whale")]


def test_every_width_then_every_funnel_from_the_same_vectors(collection):
    dataset = collection(TINY, {"q1": "red fox", "q2": "blue whale"}, {"q1": {"a": 1}, "q2": {"c": 1}})
    found = evaluate(EvalRecipe(dataset, encoders=HASHING, dims=(16,), funnels=("16:2,64:2",)))
    assert [report.funnel for report in found.reports] == ["64:100", "16:100", "16:2,64:2"]
    assert found.reports[0].mean == {"nDCG@10": 1.0, "Recall@100": 1.0, "MRR@10": 1.0}
    assert found.reports[0].kept.share == 1.0
    assert found.reports[2].cost.macs_per_query == 3 * 16 + 2 * 64
    assert (found.documents, found.queries) == (3, 2)


def test_every_format_is_measured_and_compared_with_the_first(collection, tmp_path):
    documents = [(str(number), f"number {number} of {number % 7}") for number in range(150)]
    dataset = collection(documents, {"q": "number 7", "p": "number 8 of 1"}, {"q": {"7": 1}, "p": {"8": 1}})
    recipe = EvalRecipe(dataset, encoders=HASHING, dims=(16,), funnels=("16:50,64:10",), dtypes=("float32", "int8"))
    found = evaluate(recipe, EvalOptions(runs=tmp_path / "runs"))
    assert [row.dtype for row in found.reports] == ["float32"] * 3 + ["int8"] * 3
    funnels = [found.find("hashing:64", "16:50,64:10", dtype=dtype) for dtype in recipe.dtypes]
    assert [row.cost.disk_bytes_per_document for row in funnels] == [64 * 4, 64]
    assert found.reports[3].difference is not None  # full width rounded, beside full width as it is
    assert (tmp_path / "runs/hashing-64-int8-16x50_64x10.trec").exists()
    assert "--dtype float32 --dtype int8" in found.command


def test_every_rotation_and_prefix_is_measured_from_one_encoding(collection, tmp_path, monkeypatch):
    documents = [(str(number), f"number {number} of {number % 7}") for number in range(150)]
    dataset = collection(documents, {"q": "number 7", "p": "number 8 of 1"}, {"q": {"7": 1}, "p": {"8": 1}})
    encoded = []
    module = sys.modules["mrl_search.eval.evaluate"]
    encode = module.encode
    monkeypatch.setattr(module, "encode", lambda *told, **more: encoded.append(1) or encode(*told, **more))
    grid = {"rotations": ("none", "pca"), "prefixes": ("Flat", "SQ8")}
    recipe = EvalRecipe(dataset, encoders=HASHING, dims=(16,), funnels=("16:150,64:100",), **grid)
    found = evaluate(recipe, EvalOptions(runs=tmp_path / "runs"))
    rows = [(row.rotation, row.prefix, row.funnel) for row in found.reports]
    one = [("Flat", "64:100"), ("Flat", "16:100"), ("Flat", "16:150,64:100"), ("SQ8", "16:150,64:100")]
    assert rows == [(kind, *row) for kind in ("none", "pca") for row in one]
    assert encoded == [1]
    values = [row.mean for row in found.reports]
    assert values[0] == values[2] == values[4] == values[6]  # what sees every document finds what full width does
    assert len(list((tmp_path / "runs").iterdir())) == 8
    assert (
        found.find("hashing:64", "16:100", rotation="pca"),
        found.find("hashing:64", "16:150,64:100", prefix="SQ8"),
    ) == (
        found.reports[5],
        found.reports[3],
    )
    assert table(found).splitlines()[2].split()[:4] == ["encoder", "rotation", "prefix", "funnel"]


def test_a_measure_deeper_than_the_funnel_is_not_reported(collection):
    documents = [(str(number), f"number {number}") for number in range(150)]
    found = evaluate(
        EvalRecipe(
            collection(documents, {"q": "number 7"}, {"q": {"7": 1}}),
            encoders=HASHING,
            dims=(64,),
            funnels=("16:50,64:10",),
        )
    )
    assert set(found.reports[-1].mean) == {"nDCG@10", "MRR@10"}


def test_the_query_itself_is_no_answer_where_selves_are_dropped(collection):
    documents = [("q", "red fox"), ("a", "red red fox")]
    dataset = collection(documents, {"q": "red fox"}, {"q": {"a": 1}}, name="arguana")
    kept = evaluate(
        EvalRecipe(dataset, encoders=HASHING, dims=(64,), funnels=("16:2,64:1",), drop_self=False, measures=("P@1",))
    )
    dropped = evaluate(EvalRecipe(dataset, encoders=HASHING, dims=(64,), funnels=("16:2,64:1",), measures=("P@1",)))
    assert [report.mean["P@1"] for report in kept.reports] == [0.0, 0.0]
    assert [report.mean["P@1"] for report in dropped.reports] == [1.0, 1.0]


def test_runs_are_written_as_ranked(collection, tmp_path):
    dataset = collection(TINY, {"q1": "red fox"}, {"q1": {"a": 1}})
    evaluate(EvalRecipe(dataset, encoders=HASHING, dims=(64,), funnels=()), EvalOptions(runs=tmp_path / "runs"))
    (path,) = (tmp_path / "runs").iterdir()
    assert read_run(path).ranking["q1"][0].id == "a"


def test_several_encoders_give_one_table_each_against_its_own_full_width(collection):
    dataset = collection(TINY, {"q1": "red fox"}, {"q1": {"a": 1}})
    found = evaluate(EvalRecipe(dataset, encoders=(*HASHING, EncoderSpec("hashing:32")), dims=(8,), funnels=()))
    assert [(r.encoder, r.funnel) for r in found.reports] == [
        ("hashing:64", "64:100"), ("hashing:64", "8:100"), ("hashing:32", "32:100"), ("hashing:32", "8:100"),
    ]  # fmt: skip


def test_layers_of_one_encoder_come_from_one_encoding(collection, tiny, monkeypatch):
    documents = [("a", "word1 word2"), ("b", "word3 word4"), ("c", "word5 word6")]
    dataset = collection(documents, {"q": "word1", "p": "word4"}, {"q": {"a": 1}, "p": {"b": 1}})
    specs = [EncoderSpec(str(tiny), layers=layers) for layers in (None, 1)]
    alone = [evaluate(EvalRecipe(dataset, encoders=(spec,)), EvalOptions(cache=False)).reports for spec in specs]
    passes = []
    encode = SentenceEncoder.encode_depths
    monkeypatch.setattr(
        SentenceEncoder, "encode_depths", lambda *told: passes.append(told[2]) or encode(*told), raising=True
    )
    together = evaluate(EvalRecipe(dataset, encoders=tuple(specs)))
    assert len(passes) == 2  # of the documents, and of the queries
    assert [(row.encoder, row.mean) for row in together.reports] == [
        (row.encoder, row.mean) for rows in alone for row in rows
    ]
    assert together.command.count(f"--encoder {tiny}:layers=1") == 1


@pytest.mark.parametrize(
    ("recipe", "error", "reason"),
    [
        ({"dims": (128,)}, DimensionError, "the encoder gives 64 dims, asked for 128"),
        ({"funnels": ("16:5,128:5",)}, FunnelError, "asks for 128 dims, the encoder gives 64"),
        ({"split": "train"}, DatasetError, "has no split 'train'"),
    ],
)
def test_what_cannot_be_evaluated_says_why(collection, recipe, error, reason):
    dataset = collection(TINY, {"q1": "red fox"}, {"q1": {"a": 1}})
    with pytest.raises(error, match=reason):
        evaluate(EvalRecipe(dataset, encoders=HASHING, **recipe))


def test_a_corpus_with_two_documents_of_one_id_cannot_be_judged(collection):
    dataset = collection([("a", "x"), ("a", "y")], {"q": "x"}, {"q": {"a": 1}})
    with pytest.raises(DatasetError, match="has two documents with the id 'a'"):
        evaluate(EvalRecipe(dataset, encoders=HASHING))


def test_a_wide_enough_funnel_equals_exact_search_on_a_real_collection(shared_data):
    recipe = EvalRecipe("cranfield", encoders=(EncoderSpec("hashing:256"),), dims=(64,), funnels=("64:1400,256:100",))
    exact, _, funnel = evaluate(recipe, EvalOptions(data=shared_data / "beir")).reports
    assert funnel.mean == exact.mean
    assert funnel.per_query == exact.per_query


def test_the_prefix_structure_is_honoured_by_funnels(collection):
    dataset = collection([(str(n), f"number {n}") for n in range(300)], {"q": "number 7"}, {"q": {"7": 1}})
    recipe = {"encoders": HASHING, "dims": (64,), "funnels": ("32:100,64:100",)}
    flat, coded = (
        evaluate(EvalRecipe(dataset, prefixes=(prefix,), **recipe)).reports[-1] for prefix in ("Flat", "SQ8")
    )
    assert flat.cost.ram_bytes_per_document > 32 * 4 > coded.cost.ram_bytes_per_document
    with pytest.raises(IndexStoreError, match="FAISS does not take --prefix 'Nope'"):
        evaluate(EvalRecipe(dataset, prefixes=("Nope",), **recipe))


def test_equal_documents_are_ranked_by_id_though_the_corpus_has_them_otherwise(collection, tmp_path):
    dataset = collection([(name, "red fox") for name in "cab"], {"q": "red fox"}, {"q": {"a": 1}})
    evaluate(EvalRecipe(dataset, encoders=HASHING, dims=(64,), funnels=()), EvalOptions(runs=tmp_path / "runs"))
    (path,) = (tmp_path / "runs").iterdir()
    assert [document.id for document in read_run(path).ranking["q"]] == ["a", "b", "c"]


def test_an_id_that_no_run_file_can_hold_is_met_before_encoding_unless_no_runs_are_wanted(collection, tmp_path):
    recipe = EvalRecipe(
        collection([("a b", "x")], {"q": "x"}, {"q": {"a b": 1}}), encoders=HASHING, dims=(64,), funnels=()
    )
    with pytest.raises(DatasetError, match="the id 'a b' in tiny holds white space.*--no-runs"):
        evaluate(recipe, EvalOptions(runs=tmp_path / "runs"))
    assert evaluate(recipe).reports[0].mean["nDCG@10"] == 1.0


def test_a_first_measure_deeper_than_a_funnel_leaves_what_is_kept_unsaid(collection):
    dataset = collection([(str(n), f"number {n}") for n in range(150)], {"q": "number 7"}, {"q": {"7": 1}})
    recipe = EvalRecipe(
        dataset, encoders=HASHING, dims=(64,), funnels=("16:50,64:10",), measures=("Recall@100", "nDCG@10")
    )
    report = evaluate(recipe).reports[-1]
    assert (list(report.mean), report.kept) == (["nDCG@10"], None)


def test_what_is_too_large_for_ram_is_searched_exactly_in_its_file(collection, monkeypatch):
    dataset = collection([(str(n), f"number {n}") for n in range(300)], {"q": "number 7"}, {"q": {"7": 1}})
    recipe = EvalRecipe(dataset, encoders=HASHING, dims=(16,), funnels=())
    in_ram = evaluate(recipe).reports
    monkeypatch.setattr(sys.modules["mrl_search.eval.rows"], "_IN_RAM", 0)
    in_file = evaluate(recipe, EvalOptions(cache=False)).reports  # not as it was remembered
    assert [report.per_query for report in in_file] == [report.per_query for report in in_ram]
    assert [report.cost.ram_bytes_per_document for report in in_file] == [0, 0]
    assert [report.cost.disk_bytes_per_document for report in in_file] == [256, 256]


def test_an_evaluation_that_fails_at_the_end_leaves_no_run(collection, tmp_path):
    dataset = collection([(str(n), f"number {n}") for n in range(50)], {"q": "number 7"}, {"q": {"7": 1}})
    recipe = EvalRecipe(dataset, encoders=HASHING, dims=(16,), funnels=("16:20,64:10",), prefixes=("IVF60,Flat",))
    with pytest.raises(IndexStoreError, match="FAISS cannot build"):
        evaluate(recipe, EvalOptions(runs=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
