"""What Ray's workers raise comes here as it is, and who is lost is replaced; what needs nodes is in test_on_ray."""

from types import SimpleNamespace

import pytest

from mrl_search.errors import ClusterError, CorpusError

pytest.importorskip("ray")

from ray.exceptions import RayTaskError, UserCodeException, WorkerCrashedError

from mrl_search.scale import ray_work
from mrl_search.scale.ray_work import RayWork, _plainly


def wrapped(error):
    """As Ray Data does: a task's error around that of the user's code, around the error."""
    user = UserCodeException("in a map")
    user.__cause__ = error
    return RayTaskError("map", "pages of a trace", user)


@pytest.mark.parametrize("wrap", [lambda error: RayTaskError("f", "pages", error), wrapped])
def test_an_error_is_taken_out_of_what_ray_wraps_around_it(wrap):
    with pytest.raises(CorpusError, match="^line 3 is bad$"), _plainly():
        raise wrap(CorpusError("line 3 is bad"))


def test_what_has_no_cause_stays_what_it_is():
    with pytest.raises(RayTaskError), _plainly():
        raise RayTaskError("f", "pages", None)
    with pytest.raises(KeyError), _plainly():
        raise KeyError("x")


@pytest.mark.parametrize("wrap", [lambda error: error, wrapped])
def test_what_ended_rays_own_work_is_told_in_one_line(wrap):
    with (
        pytest.raises(ClusterError, match=r"^Ray gave up the work \(WorkerCrashedError: .*same call again.*$"),
        _plainly(),
    ):
        raise wrap(WorkerCrashedError())


def test_nothing_to_encode_starts_nothing():
    assert list(RayWork().encode(len, [])) == []


class Workers:
    """In Ray's place: what comes of the tries of each thing is told, the last of it for ever. Tries go round in turn."""

    def __init__(self, told):
        self.told, self.turns, self.tries = told, dict.fromkeys(told, -1), 0

    def task(self, **_):
        return lambda do: SimpleNamespace(remote=self.call)

    def call(self, thing):
        self.turns[thing] += 1
        return thing, self.turns[thing]

    def wait(self, calls):
        return calls[:1], calls[1:]

    def get(self, call):
        (thing, turn), self.tries = call, self.tries + 1
        if self.told[thing][min(turn, len(self.told[thing]) - 1)] == "lost":
            raise WorkerCrashedError
        return thing


@pytest.fixture
def each(monkeypatch):
    """What is done of things of which this is told, and the workers that do it."""

    def doing(**told):
        workers = Workers(told)
        monkeypatch.setattr(ray_work, "ray", SimpleNamespace(remote=workers.task, wait=workers.wait, get=workers.get))
        return RayWork().each(None, list(told)), workers

    return doing


def test_a_worker_that_is_lost_nine_times_ends_nothing_while_others_get_on(each):
    found, workers = each(a=["lost"] * 9 + ["done"], b=["lost"] * 4 + ["done"], c=["lost"] * 7 + ["done"])
    assert list(found) == ["b", "c", "a"]
    assert workers.tries == 10 + 5 + 8


def test_what_loses_its_worker_each_time_is_given_up_when_all_else_is_done(each):
    found, workers = each(bad=["lost"], good=["lost", "done"])
    assert next(found) == "good"
    with pytest.raises(ClusterError, match="^workers were lost 6 times while nothing was finished .*same call again"):
        next(found)
    assert workers.tries == 2 + 2 + 6  # each once, each again, then six of the bad one alone


def test_where_every_worker_is_lost_each_thing_was_tried_six_times(each):
    found, workers = each(a=["lost"], b=["lost"], c=["lost"])
    with pytest.raises(ClusterError, match="lost 18 times"):
        next(found)
    assert workers.tries == 18
