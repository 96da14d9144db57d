from pathlib import Path

import pytest
from test_hub import CORPUS, JUDGED, QUERIES, write_repository

from mrl_search.cache import cache_root
from mrl_search.data import Tolerance, load_dataset
from mrl_search.errors import DatasetError


def write_folder(root: Path, text: str) -> Path:
    """A collection of one document, called tiny, whose text tells it from others."""
    folder = root / "tiny"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(f'{{"_id": "d1", "text": "{text}"}}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "what?"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    return folder


def first_text(dataset):
    return next(dataset.corpus.read(Tolerance())).text


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder in the place of the hub's owner of test collections, with one in it."""
    monkeypatch.setattr("mrl_search.data.dataset._HUB_OWNER", str(tmp_path / "hub"))
    parts = {
        "default": {"test": JUDGED, "dev": JUDGED[:1]},
        "corpus": {"corpus": CORPUS},
        "queries": {"queries": QUERIES},
    }
    write_repository(tmp_path / "hub" / "tiny", parts)
    return tmp_path / "hub" / "tiny"


def test_dir_names_a_beir_folder(tmp_path):
    assert first_text(load_dataset(f"dir:{write_folder(tmp_path, 'here')}")) == "here"


def test_a_plain_name_is_looked_for_in_the_data_root_the_environment_and_the_cache(tmp_path, monkeypatch):
    write_folder(cache_root() / "datasets", "cache")
    assert first_text(load_dataset("tiny")) == "cache"
    write_folder(tmp_path / "environment", "environment")
    monkeypatch.setenv("MRL_SEARCH_DATA", str(tmp_path / "environment"))
    assert first_text(load_dataset("tiny")) == "environment"
    write_folder(tmp_path / "root", "root")
    assert first_text(load_dataset("tiny", data_root=tmp_path / "root")) == "root"


def test_a_folder_that_is_there_is_the_one_meant_even_if_it_is_bad(tmp_path):
    write_folder(cache_root() / "datasets", "cache")
    (write_folder(tmp_path, "root") / "queries.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"it lacks queries\.jsonl"):
        load_dataset("tiny", data_root=tmp_path)


def test_a_name_found_on_the_hub_is_kept_with_all_its_splits_for_the_next_time(hub):
    dataset = load_dataset("tiny")
    assert dataset.corpus.source == str(cache_root() / "datasets" / "tiny")
    assert dataset.qrels == {"q3": {"d2": 1}, "q1": {"d1": 2}}
    for path in hub.iterdir():
        path.unlink()
    assert load_dataset("tiny", "dev").qrels == {"q3": {"d2": 1}}


def test_a_name_found_nowhere_is_one_line_that_says_where_it_was_looked_for(tmp_path, hub, monkeypatch):
    monkeypatch.setenv("MRL_SEARCH_DATA", str(tmp_path / "environment"))
    with pytest.raises(DatasetError) as caught:
        load_dataset("nope", data_root=tmp_path / "root")
    message = str(caught.value)
    assert message.startswith(
        f"no test collection 'nope'. {tmp_path}/root/nope: no such folder; "
        f"{tmp_path}/environment/nope: no such folder; {cache_root()}/datasets/nope: no such folder; "
        f"hf:{tmp_path}/hub/nope cannot be read: "
    )
    assert message.endswith("To get it: download the BEIR zip, unpack it, and pass --data FOLDER or dir:PATH")
    assert "\n" not in message


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path, hub, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MRL_SEARCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match=r"no test collection 'tiny'.* Not a directory"):
        load_dataset("tiny")


@pytest.mark.parametrize("name", ["", "..", "../tiny", "a/b", "/tmp/tiny", "ftp:tiny", "a b", "a" * 300])
def test_a_name_that_is_no_name_is_an_error(name, tmp_path):
    with pytest.raises(DatasetError, match=r"is not the name of a test collection; wanted letters, .* or dir:PATH"):
        load_dataset(name, data_root=tmp_path)


def test_the_standard_library_has_no_other_split():
    with pytest.raises(DatasetError, match="pydoc:stdlib has no split 'train'; it has: test"):
        load_dataset("pydoc:stdlib", "train")


@pytest.mark.parametrize(
    ("name", "documents", "queries", "judgements"),
    [("scifact", 5183, 300, 339), ("nfcorpus", 3633, 323, 12334), ("cranfield", 1400, 225, 1837)],
)
def test_the_real_collections_have_the_sizes_they_are_known_for(shared_data, name, documents, queries, judgements):
    dataset = load_dataset(name, data_root=shared_data / "beir")
    assert sum(1 for _ in dataset.corpus.read(Tolerance())) == documents
    assert len(dataset.queries) == len(dataset.qrels) == queries
    assert sum(map(len, dataset.qrels.values())) == judgements
