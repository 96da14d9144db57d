"""The same on a real Ray cluster of two nodes: build, ask, lose processes and nodes. One start for all."""

import time

import numpy as np
import pytest
from ray_nodes import kill_actor, ray_nodes
from served_clusters import free_port

import mrl_search
from mrl_search.errors import CorpusError, FunnelError, ShardsMissingError
from mrl_search.funnel import Funnel
from mrl_search.scale import Terms, build_cluster, on_terms, open_cluster, read_cluster
from mrl_search.scale.asking import Manners

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:ray")
TOLD = {"dims": (16, 64), "encoder": "hashing:64"}


@pytest.fixture(scope="module")
def nodes():
    with ray_nodes() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def asked(nodes, cluster):
    """The cluster of four shards behind one replica each."""
    from mrl_search.scale.ray_shards import ray_transport

    with open_cluster(cluster, transport=ray_transport("auto")) as retriever:
        yield retriever


def test_actors_keep_the_rows_and_scores_of_one_index_after_every_stage(asked, single, queries):
    with mrl_search.open(single) as one:
        wanted = search_by_stages(one, queries)
    for alone, together in zip(wanted, search_by_stages(asked, queries), strict=True):
        assert (alone.rows == together.rows).all() and (alone.scores == together.scores).all()


def search_by_stages(retriever, queries):
    index, queries = retriever.index(), retriever.checked_queries(queries)
    first, *rest = Funnel.parse("16:50,32:20,64:5").stages
    found = [index.shortlist(queries, first)]
    for stage in rest:
        found.append(index.rerank(queries, found[-1], stage))
    return found


def test_shards_stand_on_both_nodes(asked):
    import ray

    nodes = {ray.get(actor.node.remote()) for actors in fleet_of(asked).actors.values() for actor in actors}
    assert len(nodes) == 2


def fleet_of(retriever):
    return retriever.stored._shards._fleet


def test_what_a_shard_refuses_is_raised_here_in_one_line(asked):
    with pytest.raises(FunnelError, match="starts at 20 dims"):
        asked.search(["number 7"], funnel="20:9,64:3")


def test_a_large_question_goes_by_the_store(asked, single):
    queries = np.random.default_rng(2).standard_normal((600, 64)).astype(np.float32)
    with mrl_search.open(single) as one:
        plan = one.plan(5)
        assert (one.hits(queries, plan).rows == asked.hits(queries, plan).rows).all()


def test_a_killed_actor_is_started_anew_and_its_shard_is_waited_for(asked):
    before = asked.search(["number 7"], 5)
    kill_actor(fleet_of(asked).actors[folder_of(asked, "s1")][0])
    assert asked.search(["number 7"], 5) == before


def folder_of(retriever, name):
    return str(retriever.stored.folder / retriever.stored.cluster.named(name).where)


def test_without_a_replica_part_of_the_answer_names_what_it_lacks(asked):
    kill_actor(fleet_of(asked).actors[folder_of(asked, "s2")][0])
    with on_terms(Terms(partial=True)) as told, told.counted():
        (answers,) = asked.search(["number 7"], 50)
    assert told.missing == {"s2"}
    assert {asked.stored.cluster.owner_of(answer.id) for answer in answers} <= {0, 1, 3}
    assert asked.search(["number 7"], 50)  # whole again, as soon as it is back


@pytest.mark.slow
def test_a_deadline_ends_the_waiting(asked):
    kill_actor(fleet_of(asked).actors[folder_of(asked, "s3")][0])
    start = time.monotonic()
    with on_terms(Terms(seconds=0.001)) as told, pytest.raises(ShardsMissingError), told.counted():
        asked.search_vectors(np.eye(1, 64, dtype=np.float32))
    assert time.monotonic() - start < 1
    assert asked.search(["number 7"], 50)


@pytest.mark.slow
def test_ray_builds_what_one_process_builds(nodes, many, cluster, tmp_path):
    from mrl_search.scale.ray_work import RayWork

    options = mrl_search.BuildOptions(prefix="Flat", rotation="pca")
    built = build_cluster(many, tmp_path / "built", shards=4, options=options, work=RayWork(), **TOLD)
    one, other = read_cluster(cluster), read_cluster(built)
    assert [shard.documents for shard in one.shards] == [shard.documents for shard in other.shards]
    for left, right in zip(one.shards, other.shards, strict=True):
        left, right = cluster / left.where, built / right.where
        for name in ("vectors.npy", "prefix.faiss", "positions.i64"):
            (a,), (b,) = left.glob(f"segments/*/{name}"), right.glob(f"segments/*/{name}")
            assert a.read_bytes() == b.read_bytes(), name


def test_what_a_worker_refuses_is_raised_here_in_one_line(nodes):
    from mrl_search.scale.ray_work import RayWork

    def refuse(_):
        from mrl_search.errors import CorpusError

        raise CorpusError("no such thing")

    with pytest.raises(CorpusError, match="^no such thing$"):
        list(RayWork().each(refuse, [1]))


@pytest.mark.slow
def test_a_worker_that_is_killed_seven_times_is_started_an_eighth_time_while_others_get_on(nodes, tmp_path):
    from mrl_search.scale.ray_work import RayWork

    folder = str(tmp_path)

    def do(deaths):
        import os
        import signal
        from pathlib import Path

        note = Path(folder) / f"{deaths}"
        done = int(note.read_text()) if note.exists() else 0
        if done < deaths:
            note.write_text(str(done + 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return deaths

    assert sorted(RayWork().each(do, [0, 3, 7])) == [0, 3, 7]


@pytest.mark.slow
def test_with_replicas_no_query_fails_while_processes_and_a_node_are_lost(nodes, cluster):
    """Last, as it takes a node."""
    from mrl_search.scale.ray_shards import RayOptions, ray_transport

    more = nodes.add_node(num_cpus=1, object_store_memory=100 * 2**20, memory=2**33)
    options = RayOptions(replicas=2, manners=Manners(hedge_seconds=0.5, patience_seconds=60))
    with open_cluster(cluster, transport=ray_transport("auto", options)) as retriever:
        before = retriever.search(["number 7"], 5)
        for actors in list(fleet_of(retriever).actors.values())[:2]:
            kill_actor(actors[0])
            assert retriever.search(["number 7"], 5) == before
        nodes.remove_node(more, allow_graceful=False)
        for _ in range(5):
            assert retriever.search(["number 7"], 5) == before


@pytest.mark.slow
def test_ray_serve_answers_the_same_api_and_opens_what_is_committed(nodes, cluster, tmp_path, monkeypatch):
    import shutil

    import httpx2
    from ray import serve

    from mrl_search.scale.ray_serving import Running, start
    from mrl_search.serve import Settings

    own = shutil.copytree(cluster, tmp_path / "own")
    address = start(Settings(indexes=(own,), port=free_port()), Running("auto"))
    try:
        with httpx2.Client(base_url=address, timeout=60) as client:
            assert client.get("/readyz").json() == {"status": "ok"}
            found = client.post("/v1/search", json={"query": "number 7", "k": 3}).json()
            with open_cluster(cluster) as local:
                wanted = [answer.id for answer in local.search(["number 7"], 3)[0]]
            assert [answer["id"] for answer in found["results"][0]["answers"]] == wanted
            assert (
                client.post("/v1/documents", json={"documents": [{"id": "n", "text": "brand new"}]}).status_code == 200
            )
            found = client.post("/v1/search", json={"query": "brand new", "k": 1}).json()
            assert found["results"][0]["answers"][0]["id"] == "n"
    finally:
        serve.shutdown()
