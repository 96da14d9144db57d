import json
from pathlib import Path

import pytest

from mrl_search.data import Tolerance, load_dataset, open_corpus, read_examples
from mrl_search.data.examples import Example
from mrl_search.errors import CorpusError, DatasetError

CORPUS = [{"_id": "d1", "title": "T", "text": "x"}, {"_id": "d2", "title": "", "text": "y"}]
QUERIES = [{"_id": key, "text": f"about {key}"} for key in ("q1", "q2", "q3")]
JUDGED = [{"query-id": "q3", "corpus-id": "d2", "score": 1.0}, {"query-id": "q1", "corpus-id": "d1", "score": 2.0}]


def write_repository(folder: Path, configs: dict[str, dict[str, list[dict[str, object]]]]) -> str:
    """A folder that the datasets library reads as it reads a repository on the hub; config → split → rows."""
    folder.mkdir(parents=True)
    card = "---\nconfigs:\n"
    for config, splits in configs.items():
        card += f"- config_name: {config}\n  data_files:\n"
        for split, rows in splits.items():
            name = f"{config}-{split}.jsonl"
            card += f"  - split: {split}\n    path: {name}\n"
            (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "README.md").write_text(f"{card}---\n")
    return f"hf:{folder}"


@pytest.fixture
def mteb_style(tmp_path):
    parts = {"default": {"test": JUDGED}, "corpus": {"corpus": CORPUS}, "queries": {"queries": QUERIES}}
    return write_repository(tmp_path / "hub" / "SciTiny", parts)


def test_the_corpus_is_the_configuration_called_so(mteb_style):
    corpus = open_corpus(mteb_style)
    documents = list(corpus.read(Tolerance()))
    assert (corpus.name, corpus.source) == ("scitiny", mteb_style)
    assert [(document.id, document.content) for document in documents] == [("d1", "T x"), ("d2", "y")]
    assert documents[1].where == f"{mteb_style}, row 2"


def test_without_such_a_configuration_the_corpus_is_the_train_split(tmp_path):
    source = write_repository(tmp_path / "plain", {"default": {"train": CORPUS, "test": []}})
    assert [document.id for document in open_corpus(source).read(Tolerance())] == ["d1", "d2"]


def test_examples_are_the_train_split_of_the_configuration_that_is_named(tmp_path):
    pairs, classes = {"anchor": "a", "positive": "b"}, {"premise": "a", "hypothesis": "b", "label": 2}
    source = write_repository(tmp_path / "nli", {"pair": {"train": [pairs]}, "pair-class": {"train": [classes]}})
    assert list(read_examples(f"{source}:pair")) == [Example("a", "b")]
    assert list(read_examples(f"{source}:pair-class")) == [Example("a", "b", label=2)]


def test_examples_of_a_plain_repository_are_its_train_split(tmp_path):
    source = write_repository(tmp_path / "plain", {"default": {"train": [{"query": "a", "answer": "b"}], "test": []}})
    assert list(read_examples(source)) == [Example("a", "b")]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("", r"nli has the configurations pair, triplet; name one, as hf:.*nli:pair"),
        (":cls", "nli has the configurations pair, triplet; name one"),
    ],
)
def test_a_repository_of_several_configurations_wants_one_named(tmp_path, config, reason):
    parts = {name: {"train": [{"anchor": "a", "positive": "b"}]} for name in ("pair", "triplet")}
    source = write_repository(tmp_path / "nli", parts)
    with pytest.raises(CorpusError, match=reason):
        list(read_examples(source + config))


def test_a_bad_row_goes_to_the_tolerance(tmp_path):
    rows = [{"_id": "", "text": "x"}, {"_id": "d2", "text": "y"}]
    source = write_repository(tmp_path / "plain", {"default": {"train": rows}})
    tolerance = Tolerance(1)
    assert [document.id for document in open_corpus(source).read(tolerance)] == ["d2"]
    assert tolerance.skipped == [f"{source}, row 1: its _id is empty"]


def test_a_repository_is_a_dataset(mteb_style):
    dataset = load_dataset(mteb_style)
    assert (dataset.name, dataset.split) == ("scitiny", "test")
    assert list(dataset.queries.items()) == [("q1", "about q1"), ("q3", "about q3")]
    assert dataset.qrels == {"q3": {"d2": 1}, "q1": {"d1": 2}}


def test_judgements_may_lie_in_a_repository_of_their_own(tmp_path):
    source = write_repository(tmp_path / "tiny", {"corpus": {"corpus": CORPUS}, "queries": {"queries": QUERIES}})
    write_repository(tmp_path / "tiny-qrels", {"default": {"test": JUDGED}})
    assert load_dataset(source).qrels == {"q3": {"d2": 1}, "q1": {"d1": 2}}


def test_a_split_the_hub_lacks_is_an_error_that_lists_those_it_has(mteb_style):
    with pytest.raises(DatasetError, match=r"SciTiny has no split 'dev'; it has: test$"):
        load_dataset(mteb_style, "dev")


def test_judgements_that_lack_a_column_are_an_error(tmp_path):
    parts = {"default": {"test": [{"query-id": "q1", "score": 1}]}, "corpus": {"c": CORPUS}, "queries": {"q": QUERIES}}
    source = write_repository(tmp_path / "tiny", parts)
    with pytest.raises(DatasetError, match=r"row 1: lacks corpus-id$"):
        load_dataset(source)


def test_a_repository_without_queries_is_an_error(tmp_path):
    source = write_repository(tmp_path / "tiny", {"default": {"test": JUDGED}, "corpus": {"c": CORPUS}})
    with pytest.raises(DatasetError, match="cannot be read: BuilderConfig 'queries' not found"):
        load_dataset(source)


def test_a_repository_without_a_train_split_is_no_corpus(tmp_path):
    source = write_repository(tmp_path / "plain", {"default": {"test": CORPUS}})
    with pytest.raises(CorpusError, match=r"plain has no split 'train'; it has: test$"):
        list(open_corpus(source).read(Tolerance()))


def test_a_damaged_file_in_a_repository_is_an_error_on_one_line(mteb_style):
    Path(mteb_style.removeprefix("hf:"), "corpus-corpus.jsonl").write_text('{"_id": "d1", "text": "x"}\n{broken\n')
    with pytest.raises(CorpusError, match="SciTiny cannot be read: ") as caught:
        list(open_corpus(mteb_style).read(Tolerance(9)))
    assert "\n" not in str(caught.value)


def test_offline_mode_is_an_error(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CorpusError, match=r"hf:mteb/scifact cannot be read: Cannot reach .* offline mode is enabled"):
        list(open_corpus("hf:mteb/scifact").read(Tolerance()))


def test_a_hub_that_does_not_answer_is_asked_once_and_is_an_error(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr("datasets.get_dataset_config_names", None)  # the library, with its retries, is not reached
    with pytest.raises(CorpusError, match="hf:mteb/scifact cannot be read: "):
        list(open_corpus("hf:mteb/scifact").read(Tolerance()))
