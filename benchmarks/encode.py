"""Encoding speed: minilm-768 as `mrl-search build` runs it, beside a bare SentenceTransformer.encode.

    python benchmarks/encode.py ../shared/data/beir/scifact/corpus.jsonl --n 2048

Both in this process, in the same precision, with the same pooling (cls and mean
concatenated), over the same documents, alternating pass by pass; the bare one
gets all documents in one call, ours comes in the blocks a build makes.
"""

import argparse
import sys
import time
from itertools import islice

import numpy as np

from mrl_search.data import Tolerance, open_corpus
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.encoders.minilm import packaged_weights
from mrl_search.encoders.precision import chosen_precision, torch_dtype
from mrl_search.encoding import encode_documents
from mrl_search.progress import bar
from mrl_search.provenance import commit, machine


def bare_sentence_transformer(precision):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    words = Transformer(str(packaged_weights()), model_kwargs={"dtype": torch_dtype(precision)})
    words.max_seq_length = 256
    return SentenceTransformer(modules=[words, Pooling(384, ("cls", "mean"))], device="cpu")


def halves_normalised(vectors):
    halves = vectors.reshape(-1, 2, 384)
    return (halves / np.linalg.norm(halves, axis=2, keepdims=True)).reshape(-1, 768) / np.sqrt(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("--n", type=int, default=1024, help="documents a pass")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    told = parser.parse_args()
    texts = [document.content for document in islice(open_corpus(told.corpus).read(Tolerance()), told.n)]
    precision = chosen_precision(told.precision)
    encoder, bare = load_encoder(EncoderSpec("minilm-768", precision=precision)), bare_sentence_transformer(precision)

    def ours():
        with bar(None, "", "", shown=False) as silent:
            return np.concatenate(list(encode_documents(encoder, texts, silent)))

    def theirs():
        return bare.encode(texts)

    encoders = {"mrl-search minilm-768": ours, "bare SentenceTransformer": theirs}
    seconds = {name: [] for name in encoders}
    directions = {}
    encoder.encode_documents(texts[:8])
    bare.encode(texts[:8])  # both loaded and warm
    for number in range(told.passes):
        for name, encode in encoders.items():
            start = time.perf_counter()
            vectors = encode()
            seconds[name].append(time.perf_counter() - start)
            directions[name] = halves_normalised(vectors)
            print(f"pass {number + 1}: {name}: {len(texts) / seconds[name][-1]:.1f} docs/s", file=sys.stderr)
    rates = {name: len(texts) / np.median(taken) for name, taken in seconds.items()}
    print(f"{len(texts)} documents of {told.corpus}, {precision}, median of {told.passes} passes")
    print(f"{machine()}, commit {commit()}")
    for name, rate in rates.items():
        print(f"{name:<26} {rate:7.1f} docs/s")
    mine, other = rates.values()
    agreed = float(np.prod(list(directions.values()), axis=0).sum(axis=1).min())
    print(f"ratio {mine / other:.2f}; smallest cosine between the two {agreed:.4f}")


if __name__ == "__main__":
    main()
