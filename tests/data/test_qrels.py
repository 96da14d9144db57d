import pytest

from mrl_search.data import read_qrels, read_trec_qrels
from mrl_search.errors import RunError

HEADER = "query-id\tcorpus-id\tscore\n"


@pytest.fixture
def qrels_of(tmp_path):
    def read(reader, content: str | bytes):
        path = tmp_path / "qrels"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return reader(path)

    return read


def test_beir_qrels_are_read_in_file_order(qrels_of):
    qrels = qrels_of(read_qrels, HEADER + "q2\td1\t2\nq1\td 3\t0\n\nq2\td2\t-1\n")
    assert list(qrels.items()) == [("q2", {"d1": 2, "d2": -1}), ("q1", {"d 3": 0})]


def test_windows_line_ends_and_a_byte_order_mark_are_no_part_of_the_qrels(qrels_of):
    content = b"\xef\xbb\xbf" + (HEADER + "q\td\t1\n").replace("\n", "\r\n").encode()
    assert qrels_of(read_qrels, content) == {"q": {"d": 1}}


def test_trec_qrels_are_read(qrels_of):
    assert qrels_of(read_trec_qrels, "1 0 FT-1 2\n1\tQ0\tFT-2  0\n") == {"1": {"FT-1": 2, "FT-2": 0}}


@pytest.mark.parametrize("content", ["", "q\td\t1\n", "query-id corpus-id score\n"])
def test_beir_qrels_without_their_header_are_an_error(qrels_of, content):
    with pytest.raises(
        RunError, match=r"qrels.*: found .*, wanted the header query-id corpus-id score, separated by tabs"
    ):
        qrels_of(read_qrels, content)


@pytest.mark.parametrize(
    ("reader", "content", "message"),
    [
        (
            read_qrels,
            HEADER + "q\td\n",
            "line 2: found 2 fields, wanted 3, separated by tabs: query-id corpus-id score",
        ),
        (read_trec_qrels, "q 0 d 1\nq 0 d\n", "line 2: found 3 fields, wanted 4: query 0 document grade"),
    ],
)
def test_a_line_with_another_number_of_fields_is_an_error(qrels_of, reader, content, message):
    with pytest.raises(RunError, match=message):
        qrels_of(reader, content)


@pytest.mark.parametrize("grade", ["x", "1.0", "", "1_0", "9" * 5000])
def test_a_grade_that_is_no_whole_number_is_an_error(qrels_of, grade):
    with pytest.raises(RunError, match=rf"qrels, line 2: the grade '{grade}' is not a whole number"):
        qrels_of(read_qrels, HEADER + f"q\td\t{grade}\n")


@pytest.mark.parametrize(("line", "which"), [("\td\t1", "query"), ("q\t\t1", "document")])
def test_an_empty_id_is_an_error(qrels_of, line, which):
    with pytest.raises(RunError, match=f"line 2: the {which} id is empty"):
        qrels_of(read_qrels, HEADER + line)


def test_an_id_with_a_control_character_is_an_error(qrels_of):
    with pytest.raises(RunError, match=r"line 2: .* hold a control character"):
        qrels_of(read_qrels, HEADER + "q\td\0\t1\n")


def test_a_pair_judged_twice_alike_is_one_judgement(qrels_of):
    assert qrels_of(read_qrels, HEADER + "q\td\t1\nq\td\t1\n") == {"q": {"d": 1}}


def test_a_pair_judged_twice_with_two_grades_is_an_error(qrels_of):
    with pytest.raises(RunError, match="line 2: the document d is graded 2 for the query q, but 1 further up"):
        qrels_of(read_trec_qrels, "q 0 d 1\nq 0 d 2\n")


def test_qrels_that_are_not_utf8_are_an_error(qrels_of):
    with pytest.raises(RunError, match="line 2: is not UTF-8: byte 0xe9"):
        qrels_of(read_trec_qrels, b"q 0 d 1\nq 0 caf\xe9 1\n")


def test_missing_qrels_are_an_error(tmp_path):
    with pytest.raises(RunError, match="none cannot be read: No such file"):
        read_qrels(tmp_path / "none")


def test_nfcorpus_has_12334_judgements_of_323_queries(shared_data):
    qrels = read_qrels(shared_data / "beir" / "nfcorpus" / "qrels" / "test.tsv")
    assert (len(qrels), sum(map(len, qrels.values()))) == (323, 12334)


def test_the_qrels_of_trec_evals_own_tests_are_read(shared_data):
    (path,) = (shared_data / "reference" / "trec_eval").glob("*qrels*")
    lines = path.read_text().splitlines()
    assert sum(map(len, read_trec_qrels(path).values())) == len(lines)
