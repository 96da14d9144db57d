"""What cannot be meant is refused before anything is opened."""

import pytest

from mrl_search.errors import ServeError
from mrl_search.serve import Batching, Settings


def test_a_public_address_without_keys_is_refused_unless_forced(tmp_path):
    with pytest.raises(ServeError, match="can be reached from other machines, and there are no keys; make one with"):
        Settings((tmp_path,), host="0.0.0.0")
    assert Settings((tmp_path,), host="0.0.0.0", forced=True).forced
    assert all(Settings((tmp_path,), host=host).is_local for host in ("127.0.0.1", "::1", "localhost", "127.8.0.1"))


def test_a_queue_of_nothing_but_one_request_takes_it(tmp_path):
    with pytest.raises(ServeError, match="a queue of 100 cannot hold one request of 256 texts"):
        Settings((tmp_path,), batching=Batching(queue=100))


def test_a_certificate_and_its_key_go_together(tmp_path):
    with pytest.raises(ServeError, match="a certificate and its key go together"):
        Settings((tmp_path,), tls_key=tmp_path / "key.pem")


@pytest.mark.parametrize("told", [{"size": 0}, {"queue": 0}, {"window_ms": -1}, {"remembered": -1}])
def test_batches_of_nothing_cannot_be(told):
    with pytest.raises(ServeError, match="cannot be: sizes are at least 1, times at least 0"):
        Batching(**told)


@pytest.mark.parametrize(
    "origin", ["*", "null", "example.org", "https://example.org/", "https://Example.org", "://x", ""]
)
def test_an_origin_that_no_page_can_have_is_refused(tmp_path, origin):
    with pytest.raises(ServeError, match="is no origin, so no page can have it; wanted one as https://example.org"):
        Settings((tmp_path,), origins=("https://good.example:8443", origin))


@pytest.mark.parametrize("host", ["example.org:8000", "https://example.org", "[::2]", "a b", ""])
def test_a_name_that_no_host_goes_by_is_refused(tmp_path, host):
    with pytest.raises(ServeError, match="is no name of a host; wanted one as example.org, without scheme and port"):
        Settings((tmp_path,), hosts=("search.example", "::2", host))


def test_a_tuning_of_what_is_not_served_is_refused(tmp_path):
    with pytest.raises(ServeError, match="what `tune` printed is of other; served are: here"):
        Settings((tmp_path / "here",), tunings={"other": {}})
