from pathlib import Path

from mrl_search.cache import cache_root


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MRL_SEARCH_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("MRL_SEARCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "mrl-search"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path.home() / ".cache" / "mrl-search"
