"""A cluster on two hosts that share no disk: built, asked, with the wire pulled and with the head lost.

    python benchmarks/ray_hosts.py            # as root: hosts are network namespaces, see tests/scale/hosts.py

20,000 documents of a hashing encoder, four shards in object storage (a folder behind fsspec's local://), which both
hosts reach, while each has a cache of its own. An asker asks one query after another, for partial answers where shards
have one replica, for whole ones where they have two, and notes what came of each.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "scale"))
from hosts import are_permitted, end, ray_on, two_hosts

from mrl_search.provenance import commit, machine

TEXTS = [f"number {n}" for n in range(40)]
TOLD = ["--shards", "4", "--encoder", "hashing:64", "--dims", "16,64", "--prefix", "Flat", "--rotation", "none"]


def ask(url, address, replicas, seconds, pause=0.02):
    """What an asker does: prints a line of each answer that is unlike the one before it, and a summary."""
    import ray

    from mrl_search.scale import Terms, on_terms, open_cluster
    from mrl_search.scale.copies import copied
    from mrl_search.scale.ray_shards import RayOptions, ray_transport

    folder = copied(url)
    with open_cluster(folder) as local:
        vectors = local.encode(TEXTS)
        wanted = [local.search_vectors(vectors[q : q + 1], 10)[0] for q in range(len(TEXTS))]
    with open_cluster(folder, transport=ray_transport(address, RayOptions(replicas))) as retriever:
        actors = retriever.stored._shards._fleet.actors.values()
        nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
        places = [sorted(nodes[ray.get(actor.node.remote())] for actor in some) for some in actors]
        say({"event": "ready", "addresses of each shard": places})
        start, last, counts, slowest, turn = time.monotonic(), "", {}, 0.0, 0
        with on_terms(Terms(seconds=20, partial=replicas == 1)) as terms:
            while time.monotonic() - start < seconds:
                query, turn, at = turn % len(TEXTS), turn + 1, time.monotonic()
                what = answered(retriever, vectors[query : query + 1], wanted[query], terms)
                counts[what], slowest = counts.get(what, 0) + 1, max(slowest, time.monotonic() - at)
                if what != last:
                    say({"event": what, "at": round(time.monotonic() - start, 2)})
                last = what
                time.sleep(pause)
        say({"event": "done", "counts": counts, "slowest_seconds": round(slowest, 2)})


def answered(retriever, vector, wanted, terms):
    """In a word; and which shards lack."""
    try:
        with terms.counted():
            (answers,) = retriever.search_vectors(vector, 10)
    except Exception as error:
        return f"failed: {type(error).__name__}"
    if terms.missing:
        return f"partial without {', '.join(sorted(terms.missing))}"
    return "whole" if answers == wanted else "wrong"


def say(what):
    print("SAYS", json.dumps(what), flush=True)


def heard(process, event="done"):
    """What an asker says, up to that event, or its end."""
    found = []
    for line in process.stdout:
        if line.startswith("SAYS "):
            found.append(json.loads(line[5:]))
            if found[-1]["event"] == event:
                break
    return found


def asker(host, url, address, replicas, seconds):
    told = ["--ask", url, address, str(replicas), str(seconds)]
    process = host.start(sys.executable, __file__, *told)
    ready = heard(process, "ready")
    return process, ready[-1] if ready else {}


def wire_pulled(hosts, url, address, replicas):
    """The second host cannot be reached for 10 s, though all its processes live."""
    head, other = hosts
    process, ready = asker(head, url, address, replicas, 40)
    time.sleep(5)
    other.wire("down")
    time.sleep(10)
    other.wire("up")
    return {**ready, "heard": heard(process)}


def head_lost(hosts, nodes, url, address):
    """All processes of the head node end, while one asks from the other host."""
    process, ready = asker(hosts[1], url, address, 1, 150)
    time.sleep(5)
    end(nodes[0])
    at = time.monotonic()
    told = heard(process)
    with suppress(Exception):
        process.wait(30)
    ended = {"exit status": process.returncode, "asker ended after_seconds": round(time.monotonic() - at, 1)}
    return {**ready, "head lost at": "about 5", "heard": told, **ended}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ask", nargs=4, metavar=("URL", "ADDRESS", "REPLICAS", "SECONDS"))
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--only", choices=("build", "wire", "head"), help="not all of it")
    given = parser.parse_args()
    if given.ask:
        url, address, replicas, seconds = given.ask
        ask(url, address, int(replicas), float(seconds))
        return
    if not are_permitted():
        sys.exit("network namespaces are not permitted here; be root, with CAP_SYS_ADMIN and CAP_NET_ADMIN")
    told = {"n": given.n, "machine": machine(), "commit": commit()}
    with tempfile.TemporaryDirectory(prefix="mrl") as made:
        room = Path(made)
        os.environ["MRL_SEARCH_CACHE"] = str(room / "cache")
        (room / "cache").mkdir()
        lines = (json.dumps({"_id": f"d{n}", "text": f"number {n % 5000} of {n % 77}"}) + "\n" for n in range(given.n))
        (room / "c.jsonl").write_text("".join(lines))
        url = f"local://{room}/store/big"
        with two_hosts([room / "cache"]) as hosts, ray_on(hosts, room / "ray") as (address, nodes):
            start = time.perf_counter()
            words = ["build", str(room / "c.jsonl"), "--index", url, "--ray", address, *TOLD]
            told["built"] = hosts[0].run(sys.executable, "-m", "mrl_search", *words).stdout.strip()
            told["build_seconds"] = round(time.perf_counter() - start, 1)
            if given.only in (None, "wire"):
                for replicas in (1, 2):
                    told[f"wire pulled at 5 for 10 s, replicas {replicas}"] = wire_pulled(hosts, url, address, replicas)
                    print(json.dumps(told, indent=1), flush=True)
            if given.only in (None, "head"):
                told["head lost"] = head_lost(hosts, nodes, url, address)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
