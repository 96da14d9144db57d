"""mrl-search compact."""

from calls import call


def test_compact_leaves_no_deleted_row(built):
    call("delete", "corpus", "--ids", "-", stdin="law\n")
    assert "compacted; 2 documents in 1 segment; " in call("compact", "corpus", "--refit", "--prefix", "SQ8").stdout
    assert "SQ8" in call("info", "corpus").stdout
