"""Who does the work: this process unless Ray is asked for."""

import sys

import pytest

from mrl_search.errors import ClusterError, MissingPackageError
from mrl_search.scale import open_any
from mrl_search.scale.work import LocalWork, working_on


def test_here_things_are_done_one_after_the_other_when_they_are_asked_for():
    done = []
    for items in (LocalWork().each(done.append, [1, 2, 3]), LocalWork().encode(done.append, ["a"])):
        assert 3 not in done or items
        next(items)
    assert done == [1, "a"]


def test_without_ray_no_ray_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with working_on(None) as work:
        assert isinstance(work, LocalWork)


def test_ray_that_is_not_installed_is_named_with_its_extra(monkeypatch, cluster):
    monkeypatch.setitem(sys.modules, "ray", None)
    for module in ("ray_work", "ray_shards"):
        monkeypatch.delitem(sys.modules, f"mrl_search.scale.{module}", raising=False)
    with pytest.raises(MissingPackageError, match=r"pip install 'mrl-search\[ray\]'"), working_on("local"):
        pass
    with pytest.raises(MissingPackageError, match=r"pip install 'mrl-search\[ray\]'"):
        open_any(cluster, ray="local")


def test_an_error_of_who_works_is_raised_through():
    with pytest.raises(ClusterError, match="no"), working_on(None) as work:
        list(work.each(refuse, [1]))


def refuse(_):
    raise ClusterError("no")
