"""A corpus at a URL: copied here for one build, taken again by the next try, read anew where it was replaced."""

import pytest

from mrl_search.errors import ClusterError, CorpusError
from mrl_search.scale import add_to_cluster, build_cluster, open_cluster
from mrl_search.scale.sources import corpus_at

TOLD = {"shards": 2, "dims": (16, 64), "encoder": "hashing:64"}
URL = "memory://bucket/many.jsonl"


def put(store, name, *ids):
    store.pipe(name, "".join(f'{{"_id": "{one}", "text": "text {one}"}}\n' for one in ids).encode())


def ids_of(folder):
    with open_cluster(folder) as retriever:
        return sorted(answer.id for answer in retriever.search(["text"], 99)[0])


def copies(tmp_path):
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_cluster_is_built_of_it_added_to_from_it_and_no_copy_stays(store, tmp_path):
    put(store, "/bucket/many.jsonl", *"abcdefgh")
    put(store, "/bucket/more.jsonl", *"hij")
    folder = build_cluster(URL, tmp_path / "c", **TOLD)
    assert ids_of(folder) == [*"abcdefgh"]
    add_to_cluster(folder, "memory://bucket/more.jsonl")
    assert ids_of(folder) == [*"abcdefghij"]
    assert not copies(tmp_path)


def test_a_failed_block_leaves_its_copy_to_the_next_unless_the_file_is_another(store, tmp_path):
    put(store, "/bucket/many.jsonl", "a")
    with pytest.raises(KeyboardInterrupt), corpus_at(URL) as first:
        raise KeyboardInterrupt
    (copy,) = copies(tmp_path)
    before = copy.stat().st_ino
    with pytest.raises(KeyboardInterrupt), corpus_at(URL) as again:
        assert (again.source, copy.stat().st_ino) == (first.source, before)
        raise KeyboardInterrupt
    put(store, "/bucket/many.jsonl", "a", "b")
    with corpus_at(URL) as other:
        assert other.source != first.source and other.name == "many"


def test_a_file_s_own_url_is_that_file(corpus, tmp_path):
    path = corpus({"_id": "a", "text": "x"})
    with corpus_at(f"file://{path}") as found:
        assert found.source == path


@pytest.mark.parametrize(
    ("url", "error", "told"),
    [
        ("memory://bucket/none.jsonl", ClusterError, "none.jsonl is not there"),
        ("memory://bucket", ClusterError, "memory://bucket is a folder; name one file of documents in it"),
        ("memory://bucket/picture.png", CorpusError, "is of a kind that is not read; wanted one of .jsonl"),
        ("nowhere://x/y.jsonl", ClusterError, "nowhere://x/y.jsonl cannot be reached"),
    ],
)
def test_what_cannot_be_read_says_so_in_one_line(store, url, error, told):
    put(store, "/bucket/many.jsonl", "a")
    store.pipe("/bucket/picture.png", b"png")
    with pytest.raises(error, match=told) as raised, corpus_at(url):
        pass
    assert "\n" not in str(raised.value)
