"""An evaluation with all there is: rotations, funnels, BM25, distractors."""

import json

import pytest

from mrl_search.encoders import EncoderSpec
from mrl_search.eval import EvalRecipe, evaluate


@pytest.fixture
def whole(tmp_path):
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    own = [
        {"_id": str(number), "title": f"</script> {number}", "text": f"number {number} of {number % 7}"}
        for number in range(120)
    ]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in own))
    queries = [{"_id": str(number), "text": f"number {number} & co"} for number in range(12)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    judged = "".join(f"{number}\t{number}\t1\n" for number in range(12))
    (folder / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return evaluate(
        EvalRecipe(
            f"dir:{folder}",
            encoders=(EncoderSpec("hashing:64"), EncoderSpec("hashing:32")),
            dims=(16,),
            funnels=("16:30,32:10",),
            rotations=("none", "pca"),
            bm25=True,
            distractors="80",
        )
    )
