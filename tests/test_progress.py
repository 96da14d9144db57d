import pytest

from mrl_search.progress import bar


@pytest.mark.parametrize("shown", [True, False])
def test_no_bar_is_drawn_where_nobody_looks(capsys, shown):
    with bar(10, "working", "things", shown=shown) as progress:
        progress.update(10)
    assert capsys.readouterr() == ("", "")
