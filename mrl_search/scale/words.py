"""What words find in a cluster: first each shard counts, then each scores by the counts of all.

BM25 scores depend on how many documents there are, how long they are, and how many have a word. These are counts, so
the shards' sums are those of one index, and what a shard scores by them is, bit for bit, what one index would.
"""

from collections.abc import Sequence

import numpy as np

from mrl_search.hits import Rows, Scores
from mrl_search.indexes import Said, Statistics
from mrl_search.scale.sharded import ShardedIndex


def said_by(index: ShardedIndex, texts: Sequence[str], depth: int) -> Said:
    """What words find of each text among the index's documents. Raises IndexStoreError where a shard has no words."""
    asked = list(texts)
    found = index.ask_each("word_statistics", asked)
    of = [Statistics.together(parts) for parts in zip(*found.values(), strict=True)]
    hits = index.merged("say", depth, asked, of, depth) if asked else None
    rows = [hits.of(query)[1] for query in range(len(asked))] if hits is not None else []
    known = [hits.of(query)[0] for query in range(len(asked))] if hits is not None else []

    def score(wanted: Sequence[Rows]) -> list[Scores]:
        if all(some is own for some, own in zip(wanted, rows, strict=True)):  # by ranks, nothing else is asked
            return known
        scores = [np.zeros(len(some), np.float32) for some in wanted]
        for answer in index.ask_each("word_scores", asked, of, list(wanted)).values():
            for place, (places, own) in enumerate(answer):
                scores[place][places] = own
        return scores

    return Said(rows, score)
