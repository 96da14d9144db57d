"""An arm that begins in rotated axes: the base's first coordinates already say most before the first step."""

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize
from torch import nn

from mrl_search.device import CPU, Device
from mrl_search.encoders import EncoderSpec, cached, load_encoder
from mrl_search.encoding import encode_documents
from mrl_search.errors import TrainingError
from mrl_search.progress import bar
from mrl_search.rotations import fit
from mrl_search.training.train_recipe import Arm, TrainRecipe
from mrl_search.training.training_set import TrainingSet

_SAMPLED = 20_000  # texts; two thirds of a study's time would go into encoding all of the larger training sets


def rotate(model: SentenceTransformer, recipe: TrainRecipe, arm: Arm, data: TrainingSet, device: Device = CPU) -> None:
    """Puts a layer into the model that turns its vectors into the arm's axes; it is trained as all others are.

    The axes are fitted to the base's vectors of the training texts, of an even share of them where there are more than
    20,000, for the arm's widths below the model's. So no cosine of full vectors changes; what training then makes of
    the layer need not be a rotation. Raises TrainingError for an arm without a narrower width, RotationError for too
    few texts.
    """
    full = model.get_embedding_dimension()
    widths = [dim for dim in arm.dims if dim < full]
    if not widths:
        raise TrainingError(f"the arm {arm.name} asks for rotation = {arm.rotation!r} and has no width below {full}")
    texts = list(dict.fromkeys(text for example in data.examples for text in example[:3] if text is not None))
    sample = texts[:: -(-len(texts) // _SAMPLED)]
    encoder = cached(load_encoder(EncoderSpec(recipe.base, layers=arm.depth or None), device))
    with bar(len(sample), "encoding texts for the axes", "texts", shown=False) as progress:
        vectors = np.concatenate(list(encode_documents(encoder, sample, progress)))
    rotation = fit(arm.rotation, vectors, widths, device=device).rotation
    if rotation is None:
        return
    matrix = torch.from_numpy(rotation.matrix).to(model.device)
    with torch.random.fork_rng():  # else its twins' dropout would be another
        layer = Dense(full, full, bias=False, activation_function=nn.Identity(), init_weight=matrix)
    places = [place for place, module in enumerate(model) if isinstance(module, Normalize)]
    model.insert(places[0] if places else len(model), layer)
