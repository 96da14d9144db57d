"""A grid from one encoding, beside sentence-transformers' own evaluator, which encodes anew for every width.

    python benchmarks/grid.py eval/recipes/grid-scifact.toml --data ../shared/data/beir

Ours is timed from cached embeddings on, with nothing remembered of earlier evaluations, and then with. Theirs
(`InformationRetrievalEvaluator` with `truncate_dim`, batches of 64) runs one width of the first encoder, and is
multiplied by the encoders and widths: it knows neither rotations nor funnels, which are for free here.
--encoder, as often as wanted, names other encoders than the recipe's, whose trained models are on one machine only;
--ours leaves theirs out, which takes minutes.
"""

import argparse
import shutil
import time
from dataclasses import replace
from pathlib import Path

from mrl_search.cache import cache_root
from mrl_search.data import Tolerance, load_dataset
from mrl_search.encoders import EncoderSpec
from mrl_search.encoders.sentence import load_model
from mrl_search.eval import EvalOptions, evaluate, read_eval_recipe
from mrl_search.provenance import commit, machine


def timed(work):
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def seconds_of(work):
    """Wall and CPU seconds of all threads: the latter say what a busy machine would hide."""
    start = time.process_time()
    wall, found = timed(work)
    return wall, time.process_time() - start, found


def theirs(recipe, data, width):
    """Seconds of one width, and its nDCG@10."""
    from sentence_transformers.evaluation import InformationRetrievalEvaluator

    dataset = load_dataset(recipe.dataset, recipe.split, data)
    corpus = {document.id: document.content for document in dataset.corpus.read(Tolerance(0))}
    relevant = {query: {document for document, grade in told.items() if grade} for query, told in dataset.qrels.items()}
    model = load_model(recipe.encoders[0].name, "float32")
    judge = InformationRetrievalEvaluator(
        dict(dataset.queries), corpus, relevant, batch_size=64, truncate_dim=width, write_csv=False
    )
    seconds, found = timed(lambda: judge(model))
    return seconds, next(value for name, value in found.items() if name.endswith("cosine_ndcg@10"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--width", type=int, default=64, help="which of the widths theirs is run at")
    parser.add_argument("--encoder", action="append", default=[], help="in place of the recipe's; as often as wanted")
    parser.add_argument("--ours", action="store_true", help="leave sentence-transformers' side out")
    told = parser.parse_args()

    recipe, options = read_eval_recipe(told.recipe), EvalOptions(data=told.data)
    if told.encoder:
        recipe = replace(recipe, encoders=tuple(map(EncoderSpec, told.encoder)))
    evaluate(recipe, options)  # encodes what is not cached
    shutil.rmtree(cache_root() / "evaluations", ignore_errors=True)
    ours, busy, found = seconds_of(lambda: evaluate(recipe, options))
    again, _ = timed(lambda: evaluate(recipe, options))
    print(f"commit {commit()}, {machine()}")
    print(
        f"{len(found.reports)} rows in {ours:.1f} s ({busy:.1f} s of CPU); again, of a clean commit, in {again:.1f} s"
    )
    if told.ours:
        return
    first = [row for row in found.reports if row.encoder == recipe.encoders[0].name and "," not in row.funnel]
    widths = len({row.funnel for row in first})
    seconds, ndcg = theirs(recipe, told.data, told.width)
    ours_there = next(row for row in first if row.funnel.startswith(f"{told.width}:")).mean["nDCG@10"]
    whole = seconds * widths * len(recipe.encoders)
    print(
        f"sentence-transformers, one width of one encoder: {seconds:.1f} s, nDCG@10 {ndcg:.4f} (ours {ours_there:.4f})"
    )
    print(
        f"all {widths} widths of {len(recipe.encoders)} encoders, so: {whole:,.0f} s, {whole / ours:.0f} times as long"
    )


if __name__ == "__main__":
    main()
