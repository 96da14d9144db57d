"""Small data to train on and to be judged by, as files in a folder."""

import json

import numpy as np
from small_bert import WORDS


def write_pairs(folder):
    """`pairs.jsonl`: 200 pairs that share three of five words, and each a score and a label; returns the folder."""
    random = np.random.default_rng(2)
    with (folder / "pairs.jsonl").open("w") as file:
        for number in range(200):
            shared, first, second = (random.choice(WORDS, size).tolist() for size in (3, 2, 2))
            record = {
                "query": " ".join(shared + first),
                "positive": " ".join(second + shared),
                "score": number % 6,
                "label": number % 3,
            }
            file.write(json.dumps(record) + "\n")
    return folder


def write_collection(root):
    """A BEIR folder `beir/tiny` of 60 documents, 12 questions to test and 48 to train with; returns the root."""
    folder = root / "beir" / "tiny"
    (folder / "qrels").mkdir(parents=True)
    random = np.random.default_rng(3)
    texts = [" ".join(f"word{n}" for n in random.integers(0, 60, 6)) for _ in range(60)]
    lines = [json.dumps({"_id": f"d{n}", "text": text}) for n, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    asked = [json.dumps({"_id": f"q{n}", "text": texts[n].rpartition(" ")[0]}) for n in range(60)]
    (folder / "queries.jsonl").write_text("\n".join(asked) + "\n")
    for split, numbers in (("test", range(12)), ("train", range(12, 60))):
        judged = "".join(f"q{n}\td{n}\t1\n" for n in numbers)
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return root
