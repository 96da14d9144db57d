import gzip
import io
import subprocess
import sys

import pytest

from mrl_search.data import Tolerance, open_corpus
from mrl_search.data.collection import folder_name
from mrl_search.document import Document
from mrl_search.errors import CorpusError

TSV = "_id\ttitle\ttext\n1\tT\ta b\n"
LINE = '{"_id": "1", "title": "T", "text": "a b"}\n'
ONE = [Document("1", "a b", "T")]


def read(source):
    return list(open_corpus(str(source)).read(Tolerance()))


@pytest.mark.parametrize(
    ("name", "content"),
    [("c.jsonl", LINE), ("c.ndjson", LINE), ("c.JSONL", LINE), ("c.tsv", TSV), ("c.csv", TSV.replace("\t", ","))],
)
def test_a_file_is_read_by_its_ending(tmp_path, name, content):
    plain, packed = tmp_path / name, tmp_path / f"{name}.gz"
    plain.write_text(content)
    packed.write_bytes(gzip.compress(content.encode()))
    assert read(plain) == read(packed) == ONE


def test_a_parquet_file_is_read(tmp_path):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"_id": ["1"], "title": ["T"], "text": ["a b"]}), tmp_path / "c.parquet")
    assert read(tmp_path / "c.parquet") == ONE


def test_the_lines_of_a_text_file_are_documents_named_by_their_numbers(tmp_path):
    (tmp_path / "c.txt").write_text("a\n\nb\n")
    assert read(tmp_path / "c.txt") == [Document("1", "a"), Document("3", "b")]


def test_a_corpus_may_be_read_again(tmp_path):
    (tmp_path / "c.jsonl").write_text(LINE)
    corpus = open_corpus(str(tmp_path / "c.jsonl"))
    assert list(corpus.read(Tolerance())) == list(corpus.read(Tolerance())) == ONE


def test_a_corpus_is_streamed(tmp_path):
    (tmp_path / "c.jsonl").write_text(LINE + "broken\n")
    documents = open_corpus(str(tmp_path / "c.jsonl")).read(Tolerance())
    assert next(documents) == ONE[0]
    with pytest.raises(CorpusError, match="line 2"):
        next(documents)


def test_bad_lines_and_bad_records_share_one_tolerance(tmp_path):
    (tmp_path / "c.jsonl").write_text("broken\n{}\n" + LINE)
    tolerance = Tolerance(2)
    assert list(open_corpus(str(tmp_path / "c.jsonl")).read(tolerance)) == ONE
    assert [reason.split(", ")[1].split(":")[0] for reason in tolerance.skipped] == ["line 1", "line 2"]


def test_stdin_is_jsonl(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINE.encode())))
    corpus = open_corpus("-")
    assert corpus.name == "stdin"
    assert list(corpus.read(Tolerance())) == ONE


def test_a_file_gives_the_corpus_its_stem_as_a_name(tmp_path):
    (tmp_path / "My notes.v2.jsonl.gz").write_bytes(gzip.compress(LINE.encode()))
    assert open_corpus(str(tmp_path / "My notes.v2.jsonl.gz")).name == "My-notes.v2"


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz"])
def test_a_beir_folder_gives_the_corpus_its_name(tmp_path, name):
    folder = tmp_path / "scifact"
    folder.mkdir()
    (folder / name).write_bytes(gzip.compress(LINE.encode()) if name.endswith("gz") else LINE.encode())
    corpus = open_corpus(str(folder))
    assert (corpus.name, corpus.source) == ("scifact", str(folder))
    assert list(corpus.read(Tolerance())) == ONE


def test_the_corpus_file_of_a_beir_folder_is_named_after_the_folder(tmp_path, monkeypatch):
    folder = tmp_path / "scifact"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text(LINE)
    monkeypatch.chdir(tmp_path)
    assert open_corpus("scifact/corpus.jsonl").name == "corpus"
    (folder / "queries.jsonl").write_text("")
    assert open_corpus("scifact/corpus.jsonl").name == "scifact"
    monkeypatch.chdir(folder)
    assert open_corpus("corpus.jsonl").name == "corpus"  # named alone, it is just a file


@pytest.mark.parametrize(
    ("text", "name"),
    [("a b/c", "a-b-c"), ("...", "corpus"), ("", "corpus"), (".git", "git"), ("é", "-"), ("a_1.B", "a_1.B")],
)
def test_a_name_is_fit_for_a_folder(text, name):
    assert folder_name(text) == name


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match=r"^there is no file or folder .*none\.jsonl$"):
        open_corpus(str(tmp_path / "none.jsonl"))


def test_a_name_no_file_can_have_is_an_error():
    with pytest.raises(CorpusError, match="cannot be read: File name too long"):
        open_corpus("a" * 5000)
    with pytest.raises(CorpusError, match="cannot be read: embedded null byte"):
        open_corpus("a\0b")


def test_an_unknown_ending_is_an_error_that_lists_the_known_ones(tmp_path):
    (tmp_path / "c.docx").write_text("")
    with pytest.raises(
        CorpusError, match=r"c\.docx is of a kind that is not read; wanted one of \.jsonl, .*\.parquet$"
    ):
        open_corpus(str(tmp_path / "c.docx"))


@pytest.mark.parametrize("name", ["c.json", "c.json.gz"])
def test_json_is_an_error_that_points_to_jsonl(tmp_path, name):
    (tmp_path / name).write_text("[]")
    with pytest.raises(CorpusError, match="wanted JSONL: one object on each line"):
        open_corpus(str(tmp_path / name))


def test_an_unknown_scheme_is_an_error_that_lists_the_known_ones():
    with pytest.raises(
        CorpusError, match=r"unknown kind of source 's3' in s3://bucket/c\.jsonl; wanted .* hf:NAME or pydoc"
    ):
        open_corpus("s3://bucket/c.jsonl")


def test_a_folder_without_a_corpus_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match=r"has no corpus\.jsonl or corpus\.jsonl\.gz"):
        open_corpus(str(tmp_path))


def test_importing_the_package_loads_no_heavy_library():
    program = "import sys, mrl_search.data; print(sorted({'numpy', 'pyarrow', 'datasets', 'torch'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_scifact_has_5183_documents(shared_data):
    documents = read(shared_data / "beir" / "scifact")
    assert len(documents) == len({document.id for document in documents}) == 5183


def test_the_two_empty_documents_of_cranfield_are_documents(shared_data):
    documents = read(shared_data / "beir" / "cranfield")
    assert len(documents) == 1400
    assert [document.id for document in documents if not document.content] == ["471", "995"]


def test_a_file_of_ids_makes_documents_without_texts(tmp_path):
    (tmp_path / "my.ids.txt").write_text("a\n\n b \nc d\n")
    corpus = open_corpus(f"ids:{tmp_path}/my.ids.txt")
    assert corpus.name == "my"
    assert [(document.id, document.content) for document in corpus.read(Tolerance())] == [
        ("a", ""),
        ("b", ""),
        ("c d", ""),
    ]
