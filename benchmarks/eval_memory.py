"""Peak memory of evaluating an encoder on many documents.

    python benchmarks/eval_memory.py ../shared/data/sentences/sentences.txt.gz --n 800000

The first 300 sentences are the queries, each judged by one of the others (the scores mean nothing); the rest are the
documents. `mrl-search eval` runs in a process of its own, and takes nothing from the cache. The figures: the kernel's
maximum resident set of that process, mapped file pages included, and the most that was its own (RssAnon) and of files
(RssFile), looked at twenty times a second.

With --cgroup it runs in a memory cgroup that you made, for instance one that kills it at 2 GiB:

    mkdir /sys/fs/cgroup/memory/two && echo 2G > /sys/fs/cgroup/memory/two/memory.limit_in_bytes    # version 1
    mkdir /sys/fs/cgroup/two && echo 2G > /sys/fs/cgroup/two/memory.max                             # version 2
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

QUERIES = 300
EVERY_S = 0.05
LIMITS = ("memory.limit_in_bytes", "memory.max")


def collection(sentences, n, folder):
    """A BEIR folder of the first n sentences after the queries."""
    with gzip.open(sentences, "rt", encoding="utf-8") as lines:
        records = (
            json.dumps({"_id": str(number), "text": line.rstrip("\n")}) + "\n" for number, line in enumerate(lines)
        )
        (folder / "queries.jsonl").write_text("".join(islice(records, QUERIES)), encoding="utf-8")
        with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(islice(records, n))
    (folder / "qrels").mkdir()
    judged = "".join(f"{number}\t{QUERIES + number}\t1\n" for number in range(QUERIES))
    (folder / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}", encoding="utf-8")


def resident(process):
    """KiB of the process's RssAnon and RssFile now; none once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.startswith(("RssAnon", "RssFile")))
    return {name.rstrip(":"): int(size) for name, size, _ in fields}


def watched(words, cgroup):
    """Runs the command to its end: (peak KiB of each kind, the kernel's figures, seconds)."""

    def enter():
        if cgroup is not None:
            (cgroup / "cgroup.procs").write_text("0", encoding="utf-8")

    start, peaks = time.perf_counter(), {"RssAnon": 0, "RssFile": 0}
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, preexec_fn=enter)
    ended = 0
    while not ended:
        for name, size in resident(process.pid).items():
            peaks[name] = max(peaks[name], size)
        time.sleep(EVERY_S)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the evaluation failed ({process.returncode})")
    return peaks, usage, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", type=Path, help="a .txt.gz, one document a line")
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--encoder", default="hashing:768")
    parser.add_argument("--dims", default="64,128,256")
    parser.add_argument("--rotation", default="pca")
    parser.add_argument("--prefix", default="Flat")
    parser.add_argument("--bm25", action="store_true")
    parser.add_argument("--cgroup", type=Path, metavar="FOLDER", help="a memory cgroup to run it in")
    told = parser.parse_args()
    words = ["--encoder", told.encoder, "--dims", told.dims, "--rotation", told.rotation, "--prefix", told.prefix]
    words += ["--bm25"] if told.bm25 else []
    with tempfile.TemporaryDirectory() as folder:
        collection(told.sentences, told.n, Path(folder))
        place = ["--dataset", f"dir:{folder}", "--no-runs", "--no-cache", "--out", f"{folder}/out"]
        peaks, usage, seconds = watched([sys.executable, "-m", "mrl_search", "eval", *place, *words], told.cgroup)
        (found,) = Path(f"{folder}/out").glob("*.json")
        result = json.loads(found.read_text(encoding="utf-8"))
    count, made = result["documents"], result["provenance"]
    print(f"{' '.join(words)}; {made['machine']}, commit {made['commit']}")
    print(
        f"{count:,} documents: peak {usage.ru_maxrss / 1024:,.0f} MiB "
        f"(own {peaks['RssAnon'] / 1024:,.0f}, files {peaks['RssFile'] / 1024:,.0f} at most), {seconds:.1f} s "
        f"({usage.ru_utime + usage.ru_stime:.1f} s of processor time)"
    )
    if told.cgroup is not None:
        (limit,) = (told.cgroup / name for name in LIMITS if (told.cgroup / name).exists())
        print(f"in a memory cgroup of {int(limit.read_text(encoding='utf-8')) / 2**20:,.0f} MiB")


if __name__ == "__main__":
    main()
