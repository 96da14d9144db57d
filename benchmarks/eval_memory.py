"""Peak memory of evaluating an encoder on many documents.

    python benchmarks/eval_memory.py ../shared/data/sentences/sentences.txt.gz --n 800000

The first 300 sentences are the queries, each judged by one of the others (the scores mean nothing); the rest are the
documents. `mrl-search eval` runs in a process of its own; the figure is the kernel's maximum resident set of that
process, mapped file pages included.
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

from mrl_search.provenance import commit, machine

QUERIES = 300


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", type=Path, help="a .txt.gz, one document a line")
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--encoder", default="hashing:768")
    parser.add_argument("--dims", default="64,128,256")
    parser.add_argument("--rotation", default="pca")
    told = parser.parse_args()
    words = ["--encoder", told.encoder, "--dims", told.dims, "--rotation", told.rotation, "--no-runs"]
    with tempfile.TemporaryDirectory() as folder:
        collection(told.sentences, told.n, Path(folder))
        words = ["eval", "--dataset", f"dir:{folder}", *words, "--out", f"{folder}/out"]
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "mrl_search", *words], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit("the evaluation failed")
        (found,) = Path(f"{folder}/out").glob("*.json")
        count = json.loads(found.read_text(encoding="utf-8"))["documents"]
    print(f"{told.encoder}, --dims {told.dims} --rotation {told.rotation}; {machine()}, commit {commit()}")
    print(f"{count:,} documents: peak {usage.ru_maxrss / 1024:,.0f} MiB, {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
