import pytest

from mrl_search.indexes.merging import carried


@pytest.mark.parametrize(
    "sizes, incoming, wanted",
    [
        ([50_000], 10, 0),
        ([50_000, 900], 10, 1),  # small
        ([50_000, 900, 0], 10, 2),  # what lost all its documents
        ([50_000, 1_500], 10, 0),
        ([50_000, 1_500], 500, 1),  # three times as large
        ([50_000, 10_000, 1_500], 1_600, 1),
        ([50_000, 9_000, 3_000, 1_500], 1_600, 3),
        ([90_000, 40_000], 45_000, 1),
        ([50_000, 40_000], 70_000, 0),  # together more than an `add` writes anew
        ([150_000], 200_000, 0),
        ([], 5, 0),
    ],
)
def test_an_add_takes_along_what_is_no_larger_than_what_follows(sizes, incoming, wanted):
    assert carried(sizes, incoming) == wanted


@pytest.mark.parametrize(
    "sizes, bytes_each, wanted",
    [([50_000, 900], 2_000, 1), ([50_000, 900], 40_000, 0), ([40], 2**20, 0), ([40, 4], 2**20, 1), ([3], 2**30, 1)],
)
def test_of_long_documents_fewer_are_few(sizes, bytes_each, wanted):
    """Forty of a megabyte had their words read again, for three seconds, with each document that came."""
    assert carried(sizes, 1, bytes_each) == wanted


def test_segments_stay_few_however_many_adds_there_are():
    sizes, written = [50_000], 0
    for _ in range(3_000):
        count = carried(sizes, 20)
        sizes[len(sizes) - count :] = [sum(sizes[len(sizes) - count :]) + 20]
        written += sizes[-1]
    assert sum(sizes) == 110_000
    assert len(sizes) <= 5
    assert written / 60_000 < 40  # times that a document is written, of which most are copies of a small segment
