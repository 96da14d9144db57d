"""Peak memory of building an index of many short documents.

    python benchmarks/build_memory.py ../shared/data/sentences/sentences.txt.gz --n 50000,200000,800000

Each size is built by `mrl-search build` in a process of its own; the figure is
the kernel's own maximum resident set of that process (mapped file pages
included). It holds a sample of 50,000 vectors and what fits a rotation to it, and grows by the prefix index.
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", type=Path, help="a .txt.gz, one document a line")
    parser.add_argument("--n", default="200000", help="sizes, separated by commas")
    parser.add_argument("--encoder", default="hashing:256")
    parser.add_argument("--dims", default="64,256")
    told = parser.parse_args()
    print(f"{told.encoder}, --dims {told.dims}; {machine()}, commit {commit()}")
    for n in map(int, told.n.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder) / "sentences.jsonl"
            with gzip.open(told.sentences, "rt", encoding="utf-8") as lines, corpus.open("w", encoding="utf-8") as file:
                for number, line in enumerate(islice(lines, n)):
                    file.write(json.dumps({"_id": str(number), "text": line.rstrip("\n")}) + "\n")
            words = ["build", str(corpus), "--encoder", told.encoder, "--dims", told.dims, "--index", f"{folder}/index"]
            start = time.perf_counter()
            process = subprocess.Popen([sys.executable, "-m", "mrl_search", *words], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise SystemExit(f"the build of {n} failed")
            print(f"{n:>9,} documents: peak {usage.ru_maxrss / 1024:,.0f} MiB, {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
