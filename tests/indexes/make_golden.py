"""Makes the golden indexes of a format. Run once per format; never change what it made.

python tests/indexes/make_golden.py 3
"""

import json
import sys
from pathlib import Path

import mrl_search
from mrl_search.indexes import merging

DOCUMENTS = [
    {"_id": "doll", "title": "Matryoshka", "text": "A wooden doll that holds a smaller doll.", "year": 1890},
    {"_id": "nest", "title": "Nest", "text": "Birds build it; wooden boxes help.", "tags": ["a", "b"]},
    {"_id": "tree", "title": "", "text": "A tall wooden plant."},
    {"_id": "空", "title": "Empty", "text": ""},
    {"_id": "car", "title": "Car", "text": "Four wheels and an engine."},
]

MORE = [
    {"_id": "tree", "title": "Tree", "text": "A tall green plant, not wooden any more."},
    {"_id": "owl", "title": "Owl", "text": "It sleeps in a wooden nest by day."},
]


def write(path, documents):
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in documents), encoding="utf-8")
    return str(path)


if __name__ == "__main__":
    number = int(sys.argv[1])
    here = Path(__file__).parent / "golden" / f"format-{number}"
    here.mkdir(parents=True)
    corpus, more = write(here / "corpus.jsonl", DOCUMENTS), write(here / "more.jsonl", MORE)
    for dtype in ("float32", "bfloat16", "int8"):
        options = mrl_search.BuildOptions(dtype=dtype)
        mrl_search.build(corpus, here / dtype, dims=(16, 64), encoder="hashing:64", options=options)
        if number >= 2:  # two segments and two deleted rows
            merging._SMALL, merging._LARGEST = -1, 0
            mrl_search.add(here / dtype, more)
            mrl_search.delete(here / dtype, ["doll"])
    with mrl_search.open(here / "float32") as retriever:
        print(retriever.search(["wooden nest"], funnel=mrl_search.Funnel.parse("16:5,64:3")))
