"""A cluster behind the HTTP API, some of whose shards do not answer: part of an answer says so, or there is none."""

import time

import pytest
from serving import served

from mrl_search.errors import ServeError
from mrl_search.scale import AnyStore, Terms, on_terms, open_cluster, read_cluster
from mrl_search.scale.local import LocalShards
from mrl_search.serve import Client


class Silenced(LocalShards):
    """Local shards, of which those in `silent` do not answer, and those in `slow` take so many seconds."""

    silent, slow = set(), {}

    def ask(self, verb, *values):
        for name in self.slow:
            time.sleep(self.slow[name])
        return {name: answer for name, answer in super().ask(verb, *values).items() if name not in self.silent}


@pytest.fixture(scope="module")
def serving(cluster):
    with served(cluster, store=AnyStore(Silenced), read_only=True) as (_, client):
        yield client


@pytest.fixture
def client(serving):
    Silenced.silent = {"s1"}
    yield serving
    Silenced.silent, Silenced.slow = set(), {}


def asked(client, headers=None, **told):
    return client.post("/v1/search", json={"query": "number 7", "k": 40, **told}, headers=headers)


def owners(cluster, answer):
    told = read_cluster(cluster)
    (result,) = answer["results"]
    return {told.shards[told.owner_of(one["id"])].name for one in result["answers"]}


def test_without_a_shard_there_is_no_answer_and_the_refusal_names_it(client):
    answer = asked(client)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "shards_missing")
    assert "no answer from s1;" in answer.json()["error"]["message"] and "retry-after" in answer.headers


@pytest.mark.parametrize("told", [{}, {"explain": True}, {"guarantee": "exact"}, {"where": "year > 1991"}])
def test_or_part_of_one_that_names_it_with_nothing_certified(client, cluster, told):
    answer = asked(client, partial=True, **told).json()
    assert answer["partial"] is True and answer["missing"] == ["s1"]
    assert owners(cluster, answer) == {"s0", "s2", "s3"}
    assert "certified" not in answer["results"][0] and "bound_gap" not in answer["results"][0]


def test_a_whole_answer_says_nothing_of_parts(client, cluster):
    Silenced.silent = set()
    answer = asked(client, partial=True).json()
    assert not {"partial", "missing"} & set(answer)
    with open_cluster(cluster) as local:
        wanted = [one.id for one in local.search(["number 7"], 40)[0]]
    assert [one["id"] for one in answer["results"][0]["answers"]] == wanted


def test_who_takes_no_part_is_refused_whoever_is_in_the_same_batch(client):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: asked(client, partial=number % 2 == 1).status_code, range(16)))
    assert found == [503, 200] * 8


def test_the_request_s_deadline_is_that_of_the_shards(client):
    Silenced.silent, Silenced.slow = set(), {"s0": 0.4}
    start = time.monotonic()
    assert asked(client, {"X-Timeout-Ms": "200"}).status_code == 504
    assert time.monotonic() - start < 0.35
    time.sleep(0.5)  # the searching thread gave up, too: nothing but the first stage was tried
    Silenced.slow = {}
    start = time.monotonic()
    assert asked(client).status_code == 200
    assert time.monotonic() - start < 0.3


def test_the_python_client_says_what_its_answers_lack(client, cluster):
    with Client(str(client.base_url), retries=0) as theirs:
        with pytest.raises(ServeError, match="503: no answer from s1"):
            theirs.search(["number 7"], 40)
        with on_terms(Terms(seconds=20, partial=True)) as told, told.counted():
            (answers,) = theirs.search(["number 7"], 40)
        assert told.missing == {"s1"} and len(answers) == 40


def test_the_python_client_s_deadline_is_the_server_s(client):
    Silenced.silent, Silenced.slow = set(), {"s0": 0.3}
    wanted = pytest.raises(ServeError, match="504: not done within 0.")
    with Client(str(client.base_url)) as theirs, wanted, on_terms(Terms(seconds=0.2)) as told, told.counted():
        theirs.search(["number 7"], 3)


def test_one_index_has_no_shards_to_lack(single):
    with served(single, store=AnyStore(), read_only=True) as (_, client):
        answer = asked(client, partial=True)
        assert answer.status_code == 200 and "partial" not in answer.json()
