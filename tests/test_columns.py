from mrl_search.columns import aligned


def test_numbers_end_under_one_another_and_names_begin_so():
    assert aligned([["name", "p"], ["a", "0.5"]], {0}) == ["name    p", "a     0.5"]


def test_a_line_ends_with_its_last_letter():
    assert aligned([["a", "long"], ["b", ""]], {0, 1}) == ["a  long", "b"]
