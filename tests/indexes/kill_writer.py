"""Kills a writer again and again, and looks at what it left; run as a program of its own, since it forks.

python tests/indexes/kill_writer.py FOLDER random COUNT SEED    at random instants
python tests/indexes/kill_writer.py FOLDER points CALL KIND…    before and after the CALL-th of every named step, in
                                                                 changes of those kinds: put, remove, compact, refit, repair

Prints one JSON object: how often it killed, and how often the last change had been committed but not been told yet.
What is committed is what the writer said it had done. Exits with 1 at the first index that is anything else.
"""

import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

import living_model as model

from mrl_search.indexes import catalog, change, changes, check, checking, merging, segment_files

START = {f"id{number}": str(number) for number in range(10)}
merging._SMALL = 6
POINTS = {
    "vectors and other files": (segment_files, "write_durably"),
    "prefix index": (segment_files, "record_of"),
    "names of files": (segment_files, "sync_folder"),
    "new segment": (catalog.Catalog, "new_segment"),
    "documents put": (changes.Changes, "put"),
    "documents removed": (changes.Changes, "remove"),
    "room for tombstones": (catalog.Catalog, "upgrade"),
    "documents moved": (changes.Changes, "settle"),
    "segment recorded": (catalog.Catalog, "finish_segment"),
    "commit": (catalog.Catalog, "commit"),
    "owner unsaid": (catalog, "unsay"),
    "owner said": (catalog, "say_who"),
    "orphans swept": (change, "sweep"),
    "old segments removed": (change.shutil, "rmtree"),
    "rotation": (segment_files.SegmentFiles, "write_rotation"),
    "damaged file put aside": (checking.Path, "rename"),
    "damaged file removed": (checking.Path, "unlink"),
}


def operation(seed, number):
    """The change of that number: its name and what it takes."""
    drawn = random.Random(f"{seed}/{number}")
    kind = drawn.choice(["put", "put", "put", "remove", "compact", "refit"])
    ids = drawn.sample(range(30), drawn.randint(1, 8))
    return kind, {f"id{one}": str(drawn.randint(0, 99)) for one in ids}


def apply(folder, kind, documents):
    if kind == "put":
        model.put(folder, documents)
    elif kind == "remove":
        model.remove(folder, list(documents))
    elif kind == "repair":
        assert all(finding.is_mended for finding in check(folder, repair=True))
    else:
        {"compact": model.compact, "refit": model.refit}[kind](folder)


def expected(documents, kind, told):
    """What the documents are after a change."""
    if kind == "put":
        return documents | told
    return {one: text for one, text in documents.items() if kind != "remove" or one not in told}


def child(work):
    """The status of a fork that does the work and ends."""
    number = os.fork()
    if not number:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return number


def looked_at(folder, candidates):
    """Which of the candidates the index holds; it is opened, searched and checked in a process of its own."""
    for place, documents in enumerate(candidates):

        def work(documents=documents, place=place):
            try:
                model.opened(folder, documents)
            except AssertionError:
                if place == len(candidates) - 1:
                    raise
                os._exit(2)
            orphans = [finding for finding in check(folder) if finding.cure != "remove it"]
            assert orphans == [], orphans

        status = os.waitstatus_to_exitcode(os.waitpid(child(work), 0)[1])
        if status == 0:
            return place
        if status != 2:
            sys.exit(1)
    sys.exit(1)


def killed_at_random(folder, count, seed):
    documents, number, untold = dict(START), 0, 0
    timing = random.Random(seed)
    for _ in range(count):
        reading, writing = os.pipe()

        def work(first=number, writing=writing):
            for one in range(first, first + 1_000):
                os.write(writing, b"b")  # begins
                apply(folder, *operation(seed, one))
                os.write(writing, b"c")  # is committed, and told

        writer = child(work)
        os.close(writing)
        os.read(reading, 1)
        time.sleep(timing.expovariate(1 / 0.05))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        told = os.read(reading, 65_536).count(b"c")
        os.close(reading)
        for one in range(number, number + told):
            documents = expected(documents, *operation(seed, one))
        further = expected(documents, *operation(seed, number + told))
        was_committed = looked_at(folder, [documents, further])
        untold += was_committed
        documents = further if was_committed else documents
        number += told + was_committed
    return {"kills": count, "untold": untold, "changes": number}


def killed_at_points(root, call, kinds):
    """Every point, before and after its call of that number, in changes of these kinds."""
    counts = {"kills": 0, "untold": 0, "changes": 0}
    for name, (owner, attribute) in POINTS.items():
        for after in (False, True):
            for kind in kinds:
                folder = root / f"{name} {after} {kind}".replace(" ", "-")
                _killed_once(folder, (owner, attribute, call, after), kind, counts)
    return counts


def _killed_once(folder, where, kind, counts):
    owner, attribute, call, after = where
    told = {"id1": "50", "new": "51"}
    start = dict(START)

    def prepare():
        model.start(folder, START)
        if kind not in ("put", "remove"):
            model.put(folder, {"id2": "52"}, merges=False)
        if kind == "repair":
            model.damage(folder)

    assert os.waitpid(child(prepare), 0)[1] == 0
    start |= {"id2": "52"} if kind not in ("put", "remove") else {}

    def work():
        real, calls = getattr(owner, attribute), iter(range(1, 1_000))

        def deadly(*args, **rest):
            is_it = next(calls) == call
            done = None if is_it and not after else real(*args, **rest)
            if is_it:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        setattr(owner, attribute, deadly)
        apply(folder, kind, told)

    status = os.waitstatus_to_exitcode(os.waitpid(child(work), 0)[1])
    counts["kills"] += status == -signal.SIGKILL
    counts["changes"] += 1
    if kind == "repair":  # what it was begun for is finished by another
        assert os.waitpid(child(lambda: apply(folder, kind, told)), 0)[1] == 0
    counts["untold"] += looked_at(folder, [start, expected(start, kind, told)])

    def again():
        apply(folder, "put", {"later": "60"})
        assert check(folder) == []  # the next writer swept what was left
        assert not (folder / "writer.json").exists()

    assert os.waitpid(child(again), 0)[1] == 0


def warm_up(folder):
    """Loads all libraries and kernels, which forks then have; a thread that helps with it is waited for."""
    model.start(folder, START)
    model.opened(folder, START)
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    warm_up(folder / "warm")
    if sys.argv[2] == "points":
        print(json.dumps(killed_at_points(folder, int(sys.argv[3]), sys.argv[4:])))
    else:
        assert os.waitpid(child(lambda: model.start(folder / "index", START)), 0)[1] == 0
        print(json.dumps(killed_at_random(folder / "index", int(sys.argv[3]), int(sys.argv[4]))))
