import numpy as np
import pytest

from mrl_search.data import Example
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.errors import TrainingError
from mrl_search.training import Arm, Source, TrainRecipe, prepared, train_arm
from mrl_search.training.negatives import teacher_scores, with_negatives
from mrl_search.training.trainer import TrainOptions

ENCODER = load_encoder(EncoderSpec("hashing:256"))
EXAMPLES = [
    Example("red fox", "the red fox runs far"),
    Example("red fox", "a fox that is red"),
    Example("blue whale", "the blue whale swims far"),
    Example("tax law", "the law of tax"),
]


def test_a_negative_is_the_nearest_text_that_answers_another_query():
    found = with_negatives(EXAMPLES, ENCODER, 1)
    texts = {example.second for example in EXAMPLES}
    for example in found:
        own = {e.second for e in EXAMPLES if e.first == example.first}
        assert example.negative in texts - own
    first = next(example for example in found if example.first == "red fox")
    query = ENCODER.encode_queries(["red fox"])[0]
    others = ["the blue whale swims far", "the law of tax"]
    cosines = ENCODER.encode_documents(others) @ query
    assert first.negative == others[int(np.argmax(cosines))]


def test_each_pair_comes_as_often_as_negatives_are_asked_for_with_different_ones():
    found = with_negatives(EXAMPLES[:1] + EXAMPLES[2:], ENCODER, 2)
    assert len(found) == 6
    assert len({(example.second, example.negative) for example in found}) == 6


def test_what_is_nearer_than_the_answer_is_no_negative():
    examples = [Example("red fox", "something else altogether"), Example("other", "red fox")]
    with pytest.raises(TrainingError, match="none of 2 pairs has 1 hard negatives"):
        with_negatives(examples[:1] * 2, ENCODER, 1)
    found = with_negatives([*examples, Example("third", "other third")], ENCODER, 1)
    assert "red fox" not in {example.negative for example in found if example.first == "red fox"}


def test_a_teacher_gives_its_scaled_cosines():
    (scores,) = teacher_scores([Example("red fox", "red fox", "tax law")], "hashing:256")
    query, other = ENCODER.encode_queries(["red fox"])[0], ENCODER.encode_documents(["tax law"])[0]
    assert scores == pytest.approx((20.0, 20 * float(query @ other)), abs=1e-4)


def test_a_cross_encoder_gives_its_logits(tiny, tmp_path):
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(1)
    config = BertConfig.from_pretrained(tiny, num_labels=1, initializer_range=1.0)
    judge, tokenizer = BertForSequenceClassification(config).eval(), AutoTokenizer.from_pretrained(tiny)
    for part in (judge, tokenizer):
        part.save_pretrained(tmp_path / "judge")
    example = Example("word1 word2", "word3", "word4 word5")
    (scores,) = teacher_scores([example], f"cross-encoder:{tmp_path / 'judge'}")
    with torch.no_grad():
        wanted = [float(judge(**tokenizer("word1 word2", text, return_tensors="pt")).logits) for text in example[1:3]]
    assert scores == pytest.approx(wanted, rel=1e-3)
    assert max(map(abs, wanted)) > 1  # which no sigmoid is


def test_a_student_follows_a_teacher_at_every_width(tiny, pairs):
    recipe = TrainRecipe(
        base=str(tiny),
        data=(Source("pairs.jsonl"),),
        arms=(Arm("mrl", (4, 16)),),
        steps=3,
        batch=8,
        loss="distil",
        negatives=1,
        teacher="hashing:64",
    )
    data = prepared(recipe, pairs, TrainOptions())
    assert len(data.taught) == len(data.examples) > 0
    folder = train_arm(recipe, recipe.arms[0], 0, data, pairs / "student")
    assert (folder / "model" / "model.safetensors").exists()


def test_a_teacher_that_is_not_there_says_so(tmp_path):
    with pytest.raises(TrainingError, match="cannot load the teacher"):
        teacher_scores([Example("a", "b", "c")], f"cross-encoder:{tmp_path}/none")
