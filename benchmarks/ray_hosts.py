"""A cluster on two hosts that share no cache: built, asked, with the wire pulled, and with the head lost.

    python benchmarks/ray_hosts.py            # as root: hosts are network namespaces, see tests/scale/hosts.py

20,000 documents of a hashing encoder, four shards. With the wire pulled they lie in object storage (a folder behind
fsspec's local://), which both hosts reach, while each has a cache of its own. An asker asks one query after another,
for partial answers within a second where shards have one replica, for whole ones where they have two, and notes what
came.
The head is lost while the other host builds, asks or adds; each is then done again under a new head.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "scale"))
from hosts import are_permitted, end, ray_on, two_hosts

from mrl_search.provenance import commit, machine

TEXTS = [f"number {n}" for n in range(40)]
TOLD = ["--shards", "4", "--encoder", "hashing:64", "--dims", "16,64", "--prefix", "Flat", "--rotation", "none"]


def ask(url, address, replicas, seconds, pause=0.02):
    """What an asker does: prints a line of each answer that is unlike the one before it, and a summary."""
    import ray

    from mrl_search.scale import Terms, open_cluster
    from mrl_search.scale.copies import copied
    from mrl_search.scale.ray_shards import RayOptions, ray_transport

    folder = copied(url) if "://" in url else Path(url)
    with open_cluster(folder) as local:
        vectors = local.encode(TEXTS)
        wanted = [local.search_vectors(vectors[q : q + 1], 10)[0] for q in range(len(TEXTS))]
    with open_cluster(folder, transport=ray_transport(address, RayOptions(replicas))) as retriever:
        fleet = retriever.stored._shards._fleet.actors
        nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
        names = {str(retriever.stored.folder / shard.where): shard.name for shard in retriever.stored.cluster.shards}
        places = {
            names[one]: " ".join(sorted(nodes[ray.get(actor.node.remote())] for actor in some))
            for one, some in fleet.items()
        }
        terms = Terms(seconds=1, partial=True) if replicas == 1 and "://" in url else Terms()
        answered(retriever, vectors[:1], wanted[0], Terms())  # kernels are loaded
        say({"event": "ready", "places": places})
        start, last, counts, times, turn = time.monotonic(), "", {}, [], 0
        while time.monotonic() - start < seconds:
            query, turn, at = turn % len(TEXTS), turn + 1, time.monotonic()
            what = answered(retriever, vectors[query : query + 1], wanted[query], terms)
            counts[what] = counts.get(what, 0) + 1
            times.append(time.monotonic() - at)
            if what != last:
                say({"event": what, "at": round(time.monotonic() - start, 2)})
            last = what
            time.sleep(pause)
        told = {"query_ms_p50": round(1000 * median(times), 1), "slowest_seconds": round(max(times), 2)}
        say({"event": "done", "counts": counts, **told})


def answered(retriever, vector, wanted, terms):
    """In a word; and which shards lack."""
    from mrl_search.scale import on_terms

    try:
        with on_terms(terms), terms.counted():
            (answers,) = retriever.search_vectors(vector, 10)
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"
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


def wire_pulled(hosts, url, address, replicas, cut):
    """The second host cannot be reached for some seconds, though all its processes live."""
    head, other = hosts
    process, ready = asker(head, url, address, replicas, cut + 30)
    time.sleep(5)
    other.wire("down")
    time.sleep(cut)
    other.wire("up")
    return {**ready, "heard": heard(process)}


def command(host, *words):
    return host.start(sys.executable, "-m", "mrl_search", *map(str, words))


def head_lost(hosts, room, words, has_begun):
    """All processes of the head node end when the command on the other host has begun; then it is called again."""
    told = {}
    with ray_on(hosts, room / "r1") as (address, nodes):
        process = command(hosts[1], *words, "--ray", address)
        while process.poll() is None and not has_begun():
            time.sleep(0.02)
        end(nodes[0])
        at = time.monotonic()
        said, _ = process.communicate(timeout=200)
        told["ended after seconds"] = round(time.monotonic() - at, 1)
        told |= {"exit status": process.returncode, "said": said.strip().splitlines()[-1:]}
    with ray_on(hosts, room / "r2") as (address, _):
        at = time.monotonic()
        told["again"] = hosts[1].run(sys.executable, "-m", "mrl_search", *map(str, words), "--ray", address).stdout
        told["again, seconds"] = round(time.monotonic() - at, 1)
    return told


def head_lost_while_asking(hosts, room, folder):
    with ray_on(hosts, room / "r3") as (address, nodes):
        process, ready = asker(hosts[1], str(folder), address, 1, 40)
        time.sleep(5)
        end(nodes[0])
        told = heard(process)
        at = time.monotonic()
        process.wait(120)
        return {**ready, "head lost": "at 5", "heard": told, "asker's end takes": round(time.monotonic() - at, 1)}


def without_a_head(hosts, room, source, more):
    """Building, asking and adding lose it in turn; what is there in the end is compared with one index."""
    import mrl_search
    from mrl_search.scale import open_cluster

    folder, told = room / "folder", {}
    begun = {
        "building": lambda: len([*folder.glob("work/*/*.npy")]) >= 2,
        "adding": lambda: any(folder.glob(".adding-*/*/*.npy")),
    }
    told["building"] = head_lost(hosts, room, ["build", source, "--index", folder, *TOLD], begun["building"])
    print(json.dumps(told), flush=True)
    told["asking"] = head_lost_while_asking(hosts, room, folder)
    print(json.dumps(told["asking"]), flush=True)
    told["adding"] = head_lost(hosts, room, ["add", folder, more], begun["adding"])
    both = room / "both.jsonl"
    both.write_text(source.read_text() + more.read_text())
    options = mrl_search.BuildOptions(prefix="Flat", rotation="none")
    one = mrl_search.build(both, room / "one", dims=(16, 64), encoder="hashing:64", options=options)
    with mrl_search.open(one) as alone, open_cluster(folder) as cluster:
        same = alone.search(TEXTS, 20) == cluster.search(TEXTS, 20)
        told["in the end"] = {"documents": len(cluster), "answers of one index": same}
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ask", nargs=4, metavar=("URL", "ADDRESS", "REPLICAS", "SECONDS"))
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--only", choices=("wire", "head"), help="not all of it")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="that a packet takes from host to host")
    parser.add_argument("--cut", type=float, default=10.0, help="seconds that the wire is pulled for")
    given = parser.parse_args()
    if given.ask:
        url, address, replicas, seconds = given.ask
        ask(url, address, int(replicas), float(seconds))
        return
    if not are_permitted():
        sys.exit("network namespaces are not permitted here; be root, with CAP_SYS_ADMIN and CAP_NET_ADMIN")
    told = {**vars(given), "machine": machine(), "commit": commit()}
    with tempfile.TemporaryDirectory(prefix="mrl") as made:
        room = Path(made)
        os.environ["MRL_SEARCH_CACHE"] = str(room / "cache")
        (room / "cache").mkdir()
        source, more = room / "c.jsonl", room / "more.jsonl"
        source.write_text("".join(line(n) for n in range(given.n)))
        more.write_text("".join(line(n) for n in range(given.n, given.n + given.n // 4)))
        with two_hosts([room / "cache"], given.delay_ms / 1000) as hosts:
            if given.only != "head":
                told |= wires(hosts, room, source, given.cut)
            if given.only != "wire":
                told["head lost while"] = without_a_head(hosts, room, source, more)
    print(json.dumps(told, indent=1))


def wires(hosts, room, source, cut):
    told, url = {}, f"local://{room}/store/big"
    with ray_on(hosts, room / "ray") as (address, _):
        start = time.perf_counter()
        words = ["build", str(source), "--index", url, "--ray", address, *TOLD]
        told["built"] = hosts[0].run(sys.executable, "-m", "mrl_search", *words).stdout.strip()
        told["build_seconds"] = round(time.perf_counter() - start, 1)
        for replicas in (1, 2):
            name = f"wire pulled at 5 for {cut:g} s, replicas {replicas}"
            told[name] = wire_pulled(hosts, url, address, replicas, cut)
            print(json.dumps({name: told[name]}), flush=True)
    return told


def line(number):
    return json.dumps({"_id": f"d{number}", "text": f"number {number % 5000} of {number % 77}"}) + "\n"


if __name__ == "__main__":
    main()
