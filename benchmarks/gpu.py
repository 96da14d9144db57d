"""The GPU path: every result checked against the CPU's, then timed beside what the card can do at most.

    export PYTHONPATH=.
    python benchmarks/gpu.py                                       # on a card: 10^6 and 10^7 made vectors, < 8 minutes
    python benchmarks/gpu.py --vectors real.npy                    # and real ones, of which 1,024 are asked
    python benchmarks/gpu.py --texts sentences.txt --texts abstracts.txt     # one text a line: encoding, too
    python benchmarks/gpu.py --device cpu --n 20000                # the same code on the CPU, to see that it runs

Vectors are made by synthetic.py, which says what they are like, and stored as float32, rotated already. Times are
medians, from numpy's queries to numpy's hits unless a column says otherwise. `plain` is torch's product, `graphs` the
same replayed as a CUDA graph, `host` with the vectors left in the host's memory, `fused` the Triton kernels, `faiss`
GpuIndexFlat in float16, if FAISS sees the card. Exact answers and a rotation are only checked, on 100,000 rows.
Writes one JSON to --out, after every part, so that what was measured outlives whatever stops it.
"""

import argparse
import json
import time
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from gpu_encoding import encoding
from synthetic import described, made

from mrl_search import gpu
from mrl_search.device import chosen_device
from mrl_search.errors import DeviceError
from mrl_search.funnel import Funnel, Stage
from mrl_search.gpu import DeviceIndex, DeviceOptions, on_device
from mrl_search.gpu.faiss_cards import faiss_cards, on_cards
from mrl_search.gpu.replay import Replays, recording_on
from mrl_search.gpu.rows import OnHost, scored, units
from mrl_search.gpu.scan import Scan
from mrl_search.indexes import Codec, StoredVectors, VectorIndex, build_prefix, exact
from mrl_search.provenance import provenance
from mrl_search.retriever import search
from mrl_search.rotation import Rotation
from mrl_search.vectors import unit

PREFIXES = (64, 128)
CHECKED = 16  # queries that the CPU answers, too
CLOSE = 1e-6
LONGEST = 1.5


def finished(device):
    if device.is_cuda:
        torch.cuda.synchronize(device.number)


def seconds(work, device, longest=1.0, most=50):
    """(median, all) of calls after two that warm up: what `longest` times LONGEST seconds hold, at least three."""
    work(), work()
    taken = []
    while len(taken) < 3 or (sum(taken) < longest * LONGEST and len(taken) < most):
        finished(device)
        start = time.perf_counter()
        work()
        finished(device)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)), taken


def floors(device):
    """What this machine can do at most, measured now: bytes copied a second (read and written), multiply-adds · 2."""
    where, card = str(device), device.is_cuda
    source = torch.randint(0, 255, (2**31 if card else 2**26,), dtype=torch.uint8, device=where)
    target = torch.empty_like(source)
    copied = 2 * source.numel() / seconds(lambda: target.copy_(source), device)[0]
    size = 8192 if card else 512
    one, other = (torch.randn(size, size, device=where, dtype=torch.float16 if card else torch.float32) for _ in "ab")
    return {"copy_bytes_per_s": copied, "matmul_flops": 2 * size**3 / seconds(lambda: one @ other, device)[0]}


def engines(cpu, plain, device):
    """Name → an index over the same vectors that finds candidates so; `graphs` finds them as `plain` does."""
    rows, finder = plain._rows, plain._finder
    yield "plain", plain
    yield "graphs", DeviceIndex(cpu, rows, finder, (device, "torch graphs"), Replays(recording_on(device)))
    yield "host", DeviceIndex(cpu, OnHost(cpu.stored, device), finder, (device, "torch, vectors on the host"))
    if device.is_cuda:
        from mrl_search.gpu.fused import GROUPS

        fused = finder.found_by(GROUPS)
        yield "fused", DeviceIndex(cpu, rows, fused, (device, "torch fused"))
        replays = Replays(recording_on(device))
        yield "fused graphs", DeviceIndex(cpu, rows, fused, (device, "torch fused, graphs"), replays)
    if device.is_cuda and faiss_cards():
        yield (
            "faiss",
            DeviceIndex(cpu, rows, on_cards(cpu, "Flat", [device.number], "replicas"), (device, "faiss Flat")),
        )


def differences(found, expected):
    """Rows that differ where no neighbour's score is within 1e-6, and the largest difference of scores."""
    wrong = 0
    for query, place in np.argwhere(found.rows != expected.rows):
        scores = expected.scores[query]
        near = np.count_nonzero(np.abs(scores - scores[place]) <= CLOSE)
        wrong += near < 2 and abs(scores[place] - scores[-1]) > CLOSE
    return int(wrong), float(np.abs(found.scores - expected.scores).max())


def shortlists(on, prefix, queries, n, most, device):
    """The first stage at every batch, beside the time that reading or multiplying alone would take."""
    scan = on._finder
    itemsize = scan.nbytes // (n * prefix)
    for batch in (1, min(32, len(queries)), len(queries)):
        asked = queries[:batch]
        there = units(torch.tensor(asked[:, :prefix], device=str(device)))
        alone, _ = seconds(lambda there=there: scan.candidates(there, 200), device)
        whole, _ = seconds(lambda asked=asked: on.shortlist(asked, Stage(prefix, 200)), device)
        reading = n * prefix * itemsize / most["copy_bytes_per_s"]
        multiplying = 2 * batch * n * prefix / most["matmul_flops"]
        floor = max(reading, multiplying)
        yield {
            "batch": batch,
            "find_ms": 1e3 * alone,
            "ms": 1e3 * whole,
            "floor_ms": 1e3 * floor,
            "share": floor / alone,
        }


def flat(scan, on, queries, k=10):
    """Exact search at full width, as fast as it goes here: half-precision products, the best of them scored."""
    asked = torch.tensor(queries, device=on._rows.rows_on)
    return scored(on._rows, asked, scan.candidates(units(asked), k), queries.shape[1], k)[1].cpu().numpy()


def exactly(on, scan, queries, device):
    """Exact search at full width: the rows, and seconds for all queries at once."""
    return flat(scan, on, queries), seconds(lambda: flat(scan, on, queries), device, 4.0)[0]


def funnels(on, whole, queries, device, prefix):
    """The funnel beside exact search at full width: queries a second of all at once, p50 of one at a time, recall."""
    funnel = Funnel((Stage(prefix, 200), Stage(on.dim, 10)))
    true, theirs = whole
    ours, _ = seconds(lambda: search(on, queries, funnel), device, 4.0)
    _, singly = seconds(lambda: search(on, queries[:1], funnel), device, 2.0, 200)
    rows = search(on, queries, funnel).rows
    recall = np.mean([len(np.intersect1d(*some)) / true.shape[1] for some in zip(rows, true, strict=True)])
    return {
        "funnel": str(funnel),
        "queries_per_s": len(queries) / ours,
        "exact_queries_per_s": len(queries) / theirs,
        "times_exact": theirs / ours,
        "recall_at_10": float(recall),
        "p50_ms": 1e3 * float(np.median(singly)),
        "p95_ms": 1e3 * float(np.percentile(singly, 95)),
    }


def measured(name, documents, queries, device, most):
    """One corpus: checks, then times; a dict a line."""
    stored = StoredVectors(documents, "float32")
    n, dim = documents.shape
    for prefix in (width for width in PREFIXES if width < dim):
        cpu = VectorIndex(stored, build_prefix(stored, prefix, Codec("Flat")))
        funnel = Funnel((Stage(prefix, 200), Stage(dim, 10)))
        expected = search(cpu, queries[:CHECKED], funnel)
        plain = on_device(cpu, "Flat", device, DeviceOptions(engine="torch", graphs=False))
        first = prefix == PREFIXES[0]
        whole = exactly(plain, Scan.over(plain._rows, dim, device), queries, device) if first else None
        for engine, on in engines(cpu, plain, device):
            for _ in range(3):  # a graph is recorded at the second, and replayed at the third
                found = search(on, queries[:CHECKED], funnel)
            wrong, off = differences(found, expected)
            line = {"vectors": name, "n": n, "dim": dim, "prefix": prefix, "engine": engine, "where": on.where}
            line |= {"checked": CHECKED, "rows_wrong": wrong, "largest_score_difference": off}
            if not engine.endswith("graphs"):
                line["shortlist"] = list(shortlists(on, prefix, queries, n, most, device))
            if whole is not None:
                line["funnel"] = funnels(on, whole, queries, device, prefix)
            yield line
        del plain, on
        if device.is_cuda:
            torch.cuda.empty_cache()


def checks(name, documents, queries, device, most=100_000):
    """What else a device computes, beside the CPU's: exact answers of several widths in one pass, and a rotation."""
    stored, dim = StoredVectors(np.ascontiguousarray(documents[:most]), "float32"), documents.shape[1]
    widths, asked = [width for width in (*PREFIXES, dim) if width <= dim], queries[:CHECKED]
    ours, theirs = gpu.exact(stored, asked, widths, 10, device), exact(stored, asked, widths, 10)
    wrong, off = zip(*(differences(ours[width], theirs[width]) for width in widths), strict=True)
    yield {"check": f"exact, {name}", "rows_wrong": sum(wrong), "largest": max(off)}
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))[0].astype(np.float32)
    rotation = Rotation(axes, "random")
    turned = gpu.DeviceRotation(rotation, device).apply(documents[:1000])
    largest = float(np.abs(turned - rotation.apply(documents[:1000])).max())
    yield {"check": f"rotation, {name}", "rows_wrong": int(largest > CLOSE), "largest": largest}


def printed(line):
    """A line as rows of the table."""
    if "check" in line:
        print("| {check} | {rows_wrong} rows differ, numbers by {largest:.1e} |".format(**line), flush=True)
        return
    if "texts" in line:
        print("| {texts}, {count:,} | {per_s:,.0f} texts/s | {bare_per_s:,.0f} bare | {ratio:.2f} × |".format(**line))
        if "compiled_per_s" in line:
            print("| {texts}, {count:,} | {compiled_per_s:,.0f} texts/s by torch.compile |".format(**line))
        return
    head = "| {n:,} × {dim} ({vectors}) | {prefix} {engine} |".format(**line)
    for one in line.get("shortlist", []):
        told = "{batch} | {find_ms:.3f} ms, floor {floor_ms:.3f}: {share:.0%}; the whole verb {ms:.3f} ms |"
        print(head, told.format(**one))
    if "funnel" in line:
        told = (
            "{funnel} | {queries_per_s:,.0f} a second, exact {exact_queries_per_s:,.0f}: {times_exact:.1f} ×; "
            "recall@10 {recall_at_10:.4f}; p50 {p50_ms:.3f} ms, p95 {p95_ms:.3f} |"
        )
        print(head, told.format(**line["funnel"]))
    told = "check | of {checked} queries {rows_wrong} rows differ, scores by {largest_score_difference:.1e} |"
    print(head, told.format(**line), flush=True)


def corpora(told, device):
    """Name, documents and queries, one corpus at a time."""
    for n in told.n:
        documents, queries = made(n, told.queries, str(device))
        print(f"made: {described(documents)}", flush=True)
        yield "made", documents, queries
        del documents
    for path in told.vectors:
        vectors = np.load(path, mmap_mode="r")
        mask = np.zeros(len(vectors), np.bool_)
        mask[np.random.default_rng(0).permutation(len(vectors))[: told.queries]] = True
        yield path.stem, unit(np.asarray(vectors[~mask], np.float32)), unit(np.asarray(vectors[mask], np.float32))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--n", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--queries", type=int, default=1024, help="the largest batch")
    parser.add_argument("--seconds", type=float, default=LONGEST, help="that a figure is measured for, about")
    parser.add_argument("--vectors", type=Path, action="append", default=[])
    parser.add_argument("--texts", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    told = parser.parse_args()
    globals()["LONGEST"] = told.seconds
    try:
        start, device = time.perf_counter(), chosen_device(told.device)
    except DeviceError as error:
        raise SystemExit(str(error)) from error
    most = floors(device)
    record = {"provenance": provenance(device.told), "torch": torch.__version__, **most, "lines": []}
    print(f"{device.told}: copies {most['copy_bytes_per_s'] / 1e9:,.0f} GB/s (read and written), ", end="")
    print(f"multiplies {most['matmul_flops'] / 1e12:,.2f} TFLOP/s in {'float16' if device.is_cuda else 'float32'}")

    def kept(line):
        record["lines"].append(line)
        record["seconds"] = time.perf_counter() - start
        told.out.write_text(json.dumps(record, indent=1) + "\n")
        printed(line)

    for name, documents, queries in corpora(told, device):
        parts = checks(name, documents, queries, device), measured(name, documents, queries, device, most)
        for line in chain.from_iterable(parts):
            kept(line)
    for path in told.texts:
        kept(encoding(path, device))
    print(f"{record['seconds']:.0f} s in all; {told.out}")
    wrong = sum(line.get("rows_wrong", 0) for line in record["lines"])
    raise SystemExit(f"{wrong} rows are not the CPU's" if wrong else 0)


if __name__ == "__main__":
    main()
