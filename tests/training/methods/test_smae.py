"""SMAE beside the same computed by hand: sub-models cut one by one, every token's logits, one text at a time."""

import dataclasses

import pytest
import torch
from interruptions import interrupted_after
from small_bert import WORDS, saved

from mrl_search.encoders import EncoderSpec, cut_layers, load_encoder, load_model
from mrl_search.errors import RecipeError, TrainingError
from mrl_search.training import Arm, Source, TrainRecipe, train_arm
from mrl_search.training.dynamics import Dynamics, read_rows
from mrl_search.training.methods.smae import Smae
from mrl_search.training.objective import objective
from mrl_search.training.training_set import training_set

ARM = Arm("smae", (4, 16), weights=(3.0, 1.0), mean=True, method="smae", layers=(1, 2))
TEXTS = ["word1 word2 word3 word4 word5", "word6 word7", "word8 word9 word10"]


@pytest.fixture(scope="module")
def masking(tmp_path_factory):
    """The folder of a small BERT whose tokenizer has a mask."""
    words = ["[MASK]", *WORDS]
    return saved(tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("masking"), words, mask_token="[MASK]")


def recipe_of(base, **told):
    settings = {"batch": 16, "learning_rate": 3e-3, "loss": "masked", "save_every": 4} | told
    return TrainRecipe(str(base), (Source("texts.txt"),), (ARM,), settings.pop("steps", 9), **settings)


@pytest.fixture
def texts(tmp_path):
    """`texts.txt`: 200 texts of which each repeats one word; returns its folder."""
    lines = (" ".join(6 * [WORDS[number % 20]]) for number in range(200))
    (tmp_path / "texts.txt").write_text("\n".join(lines))
    return tmp_path


def guessed_by_hand(loss, states, hidden, words):
    """The mean surprise at the hidden words of all texts, token by token, of (b, t, d) states."""
    table = loss.model[0].model.embeddings.word_embeddings.weight
    surprises = []
    for text in range(len(words)):
        for token in range(words.shape[1]):
            if hidden[text, token]:
                state = states[text, token]
                told = loss._dense.weight[:, : len(state)] @ state + loss._dense.bias
                logits = table @ loss._norm(torch.nn.functional.gelu(told)) + loss._offset
                surprises.append(torch.logsumexp(logits, 0) - logits[words[text, token]])
    return torch.stack(surprises).mean()


@torch.no_grad()
def test_the_loss_is_what_sub_models_and_a_decoder_guess_by_hand(masking, monkeypatch):
    model = load_model(str(masking)).eval()
    loss, noted = objective(recipe_of(masking), ARM, model)
    loss.eval()
    column = model.preprocess(TEXTS)
    words, there = column["input_ids"], column["attention_mask"]
    few = torch.zeros_like(words, dtype=torch.bool)
    few[:, 1] = True
    many = few.clone()
    many[0, 3] = many[1, 0] = True
    monkeypatch.setattr(loss._hidden, "drawn", lambda *_: (few, many))
    monkeypatch.setattr(loss._hidden, "replaced", lambda ids, hidden: ids.masked_fill(hidden, 2))
    found = loss([column], None).item()
    wanted = {}
    for layers, dim in ((1, 4), (2, 16)):
        small = load_model(str(masking)).eval()
        cut_layers(small, layers)
        states = small[0].model(input_ids=words.masked_fill(few, 2), attention_mask=there).last_hidden_state
        wanted[f"masked@{layers}:{dim}"] = guessed_by_hand(loss, states[..., :dim], few, words)
        pooled = torch.stack([row[seen.bool()].mean(dim=0) for row, seen in zip(states, there, strict=True)])
        told = loss._dense.weight[:, :dim] @ pooled[:, :dim].T + loss._dense.bias[:, None]
        embedded = model[0].model.embeddings(words.masked_fill(many, 2))
        embedded[:, 0] = loss._norm(torch.nn.functional.gelu(told.T))
        decoder = load_model(str(masking)).eval()
        cut_layers(decoder, 1)
        rows = [
            decoder[0].model.encoder.layer[0](row[seen.bool()][None]) for row, seen in zip(embedded, there, strict=True)
        ]
        padded = torch.zeros_like(embedded)
        for place, row in enumerate(rows):
            padded[place, : row.shape[-2]] = row.reshape(-1, 16)
        wanted[f"rebuilt@{layers}:{dim}"] = guessed_by_hand(loss, padded, many, words)
    row = noted.row()
    assert {name: row[name] for name in wanted} == pytest.approx(
        {name: one.item() for name, one in wanted.items()}, rel=1e-4
    )
    sums = [wanted[f"masked@{size}"] + wanted[f"rebuilt@{size}"] for size in ("1:4", "2:16")]
    assert found == pytest.approx((0.75 * sums[0] + 0.25 * sums[1]).item() / 2, rel=1e-4)  # weights 3 and 1, meaned


def test_every_layer_learns_and_so_do_head_and_decoder(masking):
    torch.manual_seed(0)
    model = load_model(str(masking))
    loss, _ = objective(recipe_of(masking), ARM, model)
    loss([model.preprocess(TEXTS)], None).backward()
    still = {name for name, weight in loss.named_parameters() if weight.grad is None}
    assert {name for name in still if "pooler" not in name} == set()


def test_pre_training_learns_and_gives_an_encoder_that_starbucks_begins_from(masking, texts):
    recipe = recipe_of(masking, steps=60)
    folder = train_arm(recipe, ARM, 0, training_set(recipe, texts), texts / "run")
    losses = [row["loss"] for row in read_rows(folder / "dynamics.parquet")]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    made = str(folder / "model")
    assert load_encoder(EncoderSpec(made)).encode_queries(["word1"]).shape == (1, 16)
    arm = Arm("next", (4, 16), method="starbucks", layers=(1, 2))
    loss, _ = objective(TrainRecipe(made, (Source("d"),), (arm,), 1), arm, load_model(made))
    assert len(loss.get_config_dict()["layers"]) == 2


def test_a_stopped_run_goes_on_with_its_head_and_decoder_along_the_same_curve(masking, texts, monkeypatch):
    recipe = recipe_of(masking)
    data = training_set(recipe, texts)
    whole = read_rows(train_arm(recipe, ARM, 0, data, texts / "whole") / "dynamics.parquet")
    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(Dynamics, "on_pre_optimizer_step", interrupted_after(6))
        train_arm(recipe, ARM, 0, data, texts / "stopped")
    assert read_rows(train_arm(recipe, ARM, 0, data, texts / "stopped") / "dynamics.parquet") == whole


def test_a_base_without_a_mask_or_of_another_make_is_refused(tiny, masking):
    with pytest.raises(TrainingError, match="has no mask token"):
        Smae(load_model(str(tiny)), ARM)
    model = load_model(str(masking))
    del model[0].model.embeddings
    with pytest.raises(TrainingError, match="the arm smae needs a base of BERT's make"):
        Smae(model, ARM)


@pytest.mark.parametrize(
    ("arm", "loss", "told"),
    [
        (ARM, "contrastive", "loss = 'masked' and method = 'smae' go together; the arm smae has the method 'smae'"),
        (Arm("a", (4,)), "masked", "the arm a has the method 'mrl', the recipe loss = 'masked'"),
        (dataclasses.replace(ARM, rotation="pca"), "masked", "smae trains no vectors that could be rotated"),
    ],
)
def test_raw_texts_and_smae_go_together(arm, loss, told):
    with pytest.raises(RecipeError, match=told):
        TrainRecipe("base", (Source("d"),), (arm,), 1, loss=loss)
