"""The part of gpu.py that encodes texts: minilm-768 beside a bare SentenceTransformer, and by torch.compile."""

import time
from functools import partial

import numpy as np
import torch


def compiled(device):
    """minilm-768 by torch.compile, for batches of any length; None, and why, where it cannot be."""
    from mrl_search.encoders import EncoderSpec, load_encoder

    encoder = load_encoder(EncoderSpec("minilm-768"), device)
    try:
        encoder.__dict__["_model"] = torch.compile(encoder._model, dynamic=True)
        encoder.encode_documents(["a short text", "and a longer one, so that one is padded"] * 20)
    except Exception as error:  # whatever a compiler says, the rest is still to be measured
        print(f"not compiled: {' '.join(str(error).split())[:300]}", flush=True)
        return None
    return encoder


def encoding(path, device):
    """Texts a second of minilm-768 and of a bare SentenceTransformer on the same device, passes in turn."""
    from encode import bare_sentence_transformer

    from mrl_search.encoders import EncoderSpec, load_encoder
    from mrl_search.encoders.precision import chosen_precision
    from mrl_search.encoding import encode_documents
    from mrl_search.progress import bar

    texts = [line for line in path.read_text(encoding="utf-8").splitlines() if line][:100_000]
    ours = {"per_s": load_encoder(EncoderSpec("minilm-768"), device)}
    if device.is_cuda and (other := compiled(device)) is not None:  # on a CPU it takes minutes to compile
        ours["compiled_per_s"] = other
    bare = bare_sentence_transformer(chosen_precision("auto", device)).to(str(device))

    def encoded(encoder):
        with bar(None, "", "", shown=False) as silent:
            return np.concatenate(list(encode_documents(encoder, texts, silent)))

    works = {name: partial(encoded, encoder) for name, encoder in ours.items()}
    works["bare_per_s"] = lambda: bare.encode(texts, batch_size=256)
    for encoder in ours.values():
        encoder.encode_documents(texts[:256])
    bare.encode(texts[:256])
    taken = {name: [] for name in works}
    for _ in range(3):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    rates = {name: len(texts) / float(np.median(some)) for name, some in taken.items()}
    return {"texts": path.name, "count": len(texts), **rates, "ratio": rates["per_s"] / rates["bare_per_s"]}
