"""What 10⁷ to 10⁹ documents take in shards: bytes, cores, network and money, grown from measured times and bytes.

    python benchmarks/ray_sizing.py --measured out.json --index FOLDER

--measured: what ray_search.py wrote. --index: the one index it measured, whose bytes a document are taken. The time of
a shortlist grows with the rows of a shard (codes are scanned), that of later stages does not. Prices are those of
`eval.prices.Prices`, round numbers and nobody's offer.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from mrl_search.eval.prices import Prices
from mrl_search.funnel import Funnel
from mrl_search.indexes import measure_index

GIB = 2**30
_POSITION, _HIT = 8, 12  # bytes: of a row's place in the cluster; of a score and a row on the wire


def wire_bytes(funnel: Funnel, shards: int) -> int:
    """Bytes of one query, there and back: its vector and the hits so far to each shard, and the hits of each."""
    total, before = 0, 0
    for stage in funnel.stages:
        total += shards * (4 * funnel.dim + _HIT * before + _HIT * stage.k)
        before = stage.k
    return total


def sized(told, bytes_each, documents, node_gib, prices):
    """One row of the table. node_gib: of RAM that a shard may fill."""
    funnel = Funnel.parse(told["funnel"])
    ram = (bytes_each.ram + _POSITION) * documents
    shards = max(1, int(np.ceil(ram / (node_gib * GIB))))
    rows, measured_rows = documents / shards, told["n"] / told["shards"]
    first, *later = (float(np.mean(times)) for times in told["shard_ms"])
    shard_ms = first * rows / measured_rows + sum(later)
    core_seconds = shards * shard_ms / 1000
    cores = core_seconds * prices.queries_per_second / prices.load
    disk = (bytes_each.disk + _POSITION) * documents
    month = prices.replicas * (ram * prices.ram + disk * prices.disk) / GIB + cores * prices.core
    return {
        "documents": documents,
        "shards": shards,
        "RAM GiB": round(ram / GIB, 1),
        "disk GiB": round(disk / GIB, 1),
        "core ms a query": round(1000 * core_seconds, 1),
        "ms of a shard": round(shard_ms, 1),
        "KiB a query": round(wire_bytes(funnel, shards) / 1024, 1),
        "cores": round(cores, 1),
        "a month": f"{month:,.0f} {prices.currency}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measured", type=Path, required=True)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--node-gib", type=float, default=8.0)
    given = parser.parse_args()
    told = json.loads(given.measured.read_text())
    _, bytes_each = measure_index(given.index)
    rows = [sized(told, bytes_each, 10**power, given.node_gib, Prices()) for power in (7, 8, 9)]
    print("|", " | ".join(rows[0]), "|\n|", "---|" * len(rows[0]), sep="")
    for row in rows:
        print("|", " | ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()), "|")


if __name__ == "__main__":
    main()
