"""Makes the golden index of the current format. Run once per format; never change what it made.

python tests/indexes/make_golden.py
"""

import json
from pathlib import Path

import mrl_search

DOCUMENTS = [
    {"_id": "doll", "title": "Matryoshka", "text": "A wooden doll that holds a smaller doll.", "year": 1890},
    {"_id": "nest", "title": "Nest", "text": "Birds build it; wooden boxes help.", "tags": ["a", "b"]},
    {"_id": "tree", "title": "", "text": "A tall wooden plant."},
    {"_id": "空", "title": "Empty", "text": ""},
    {"_id": "car", "title": "Car", "text": "Four wheels and an engine."},
]

if __name__ == "__main__":
    here = Path(__file__).parent / "golden" / "format-1"
    here.mkdir(parents=True)
    corpus = here / "corpus.jsonl"
    corpus.write_text(
        "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in DOCUMENTS), encoding="utf-8"
    )
    for dtype in ("float32", "bfloat16", "int8"):
        options = mrl_search.BuildOptions(dtype=dtype)
        mrl_search.build(str(corpus), here / dtype, dims=(16, 64), encoder="hashing:64", options=options)
    with mrl_search.open(here / "float32") as retriever:
        print(retriever.search(["wooden doll"], funnel=mrl_search.Funnel.parse("16:5,64:3")))
