"""The table of docs/benchmarks.md (Serving), from what runs of benchmarks/serve.py printed.

    python benchmarks/serve_table.py

The runs are in benchmarks/results/serving/, WHAT-NUMBER.json; those of one WHAT are a column, whose figures are
medians, with the least and the most in brackets.
"""

import argparse
import json
import statistics
from pathlib import Path

RUNS = Path(__file__).parent / "results" / "serving"


def columns():
    """What → its runs, by name."""
    found = {}
    for path in sorted(RUNS.glob("*.json")):
        found.setdefault(path.stem.rpartition("-")[0], []).append(json.loads(path.read_text(encoding="utf-8")))
    return found


def spread(numbers, form="{:,.0f}"):
    """The median, the least and the most."""
    numbers = sorted(numbers)
    median, least, most = (form.format(one) for one in (statistics.median(numbers), numbers[0], numbers[-1]))
    return f"{median} ({least} to {most})"


def itself(run):
    """What the process does itself, a second: it searches, or encodes, 32 at once."""
    return run.get("encoder_32_at_once", run["in_process_32_at_once"])


def tail(run, name):
    """p99 by p50."""
    median, late = run[name]["ms_p50_p99"]
    return late / median


def middle(runs, name):
    """The medians of p99 and of p50."""
    median, late = (statistics.median(both) for both in zip(*(run[name]["ms_p50_p99"] for run in runs), strict=True))
    return f"{late:.0f} by {median:.1f} ms"


def head(runs):
    first = runs[0]
    kind = "texts, 5,183 documents" if "encoder_32_at_once" in first else f"vectors, {first['n']:,} documents"
    count = {1: "one process", 2: "two processes"}[first["servers"]]
    window = f", --window {first['window_ms']:g}" if first.get("window_ms") else ""
    return f"{kind}, {count}{window}, {first['connections']} connections; {len(runs)} runs at {first['commit'][:7]}"


def share(runs):
    told = spread([100 * run["peak"]["answers_per_second"] / itself(run) for run in runs])
    goal = 90 if "encoder_32_at_once" in runs[0] else 60
    return f"{spread([run['peak']['answers_per_second'] for run in runs])}; **{told} %**, goal {goal}"


def overload(runs):
    kept = spread([100 * run["overload"]["share_of_peak"] for run in runs])
    times = spread([run["overload"]["times_the_peak"] for run in runs], "{:.1f}")
    return f"{times} times the peak: **{kept} %** of its answers, goal 90"


ROWS = {
    "itself, 32 at once, a second (of texts: the encoder)": lambda runs: spread([itself(run) for run in runs]),
    "the server, a second; of that": share,
    "half of it, evenly: p99 by p50": lambda runs: (
        f"**{spread([tail(run, 'half_load') for run in runs], '{:.1f}')}**, goal 2; {middle(runs, 'half_load')}"
    ),
    "half of it, at random": lambda runs: (
        f"{spread([tail(run, 'half_load_at_random') for run in runs], '{:.1f}')}; {middle(runs, 'half_load_at_random')}"
    ),
    "overload": overload,
    "429s a second": lambda runs: spread([run["overload"]["refused_per_second"] for run in runs]),
    "processors at the peak, in overload: server and wrk": lambda runs: "; ".join(
        " and ".join(f"{statistics.median(run[name][who] for run in runs):.2f}" for who in ("server_cpus", "load_cpus"))
        for name in ("peak", "overload")
    ),
    "resident MiB before and after overload": lambda runs: ", ".join(
        f"{statistics.median(run['overload']['resident_mib'][place] for run in runs):,.0f}" for place in (0, 1)
    ),
}


def table():
    """Markdown."""
    found = [columns()[what] for what in sorted(columns(), reverse=True)]
    lines = ["| | " + " | ".join(map(head, found)) + " |", "|" + "---|" * (len(found) + 1)]
    lines += [f"| {told} | " + " | ".join(row(runs) for runs in found) + " |" for told, row in ROWS.items()]
    return "\n".join(lines)


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(table())


if __name__ == "__main__":
    main()
