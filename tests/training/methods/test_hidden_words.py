"""Which words are hidden: whole ones, in two nested shares, and never what is no word."""

import pytest
import torch

from mrl_search.errors import TrainingError
from mrl_search.training.methods.hidden_words import HiddenWords


class Tokens:
    """[PAD], [CLS], [SEP], [MASK], then 60 words of two pieces each: a, ##a, b, ##b …"""

    mask_token_id = 3
    all_special_ids = (0, 1, 2, 3)

    def __len__(self):
        return 4 + 120

    def convert_ids_to_tokens(self, ids):
        return [f"{'##' * (n % 2)}{n}" for n in ids]


def test_words_are_hidden_whole_a_fifth_of_the_tokens_within_two_fifths():
    torch.manual_seed(0)
    ids = torch.cat([torch.tensor([1]), torch.arange(4, 22), torch.tensor([2])]).repeat(200, 1)  # 20 tokens, 9 words
    few, many = HiddenWords(Tokens()).drawn(ids, torch.ones_like(ids))
    pieces = many[:, 1:19].reshape(200, 9, 2)
    assert torch.equal(pieces[..., 0], pieces[..., 1])
    assert (few.sum(dim=1) == 4).all()
    assert (many.sum(dim=1) == 8).all()
    assert (few & ~many).sum() == 0
    assert (many[:, 1:19].float().mean(dim=0) - 8 / 18).abs().max() < 0.15  # any word may be it
    assert not many[:, 0].any()
    assert not many[:, 19].any()


def test_a_text_s_share_is_of_its_own_length_and_one_token_at_least_and_padding_is_never_hidden():
    torch.manual_seed(0)
    ids = torch.tensor([[1, 4, 2, 0, 0, 0, 0, 0, 0, 0], [1, 4, 6, 8, 10, 12, 14, 16, 18, 2]])
    few, many = HiddenWords(Tokens()).drawn(ids, (ids > 0).long())
    assert few.sum(dim=1).tolist() == [1, 2]
    assert many.sum(dim=1).tolist() == [1, 4]
    assert few[0].tolist() == [False, True] + 8 * [False]


def test_a_word_that_does_not_fit_in_ends_the_share():
    ids = torch.tensor([[1, 4, 5, 2]])  # one word of two tokens of four: a fifth is .8 of a token, two fifths are 1.6
    few, many = HiddenWords(Tokens()).drawn(ids, torch.ones_like(ids))
    assert few.tolist() == [[False, False, False, False]]
    assert many.tolist() == [[False, True, True, False]]


def test_of_ten_hidden_tokens_eight_become_the_mask_one_any_word_and_one_stays():
    torch.manual_seed(0)
    ids = torch.full((100, 100), 7)
    hidden = torch.arange(100).remainder(2).bool().repeat(100, 1)
    told = HiddenWords(Tokens()).replaced(ids, hidden)
    assert (told[~hidden] == 7).all()
    shares = [(told[hidden] == token).float().mean().item() for token in (3, 7)]
    assert shares == pytest.approx([0.8, 0.1], abs=0.02)
    assert told[hidden].unique().numel() > 100


def test_a_tokenizer_without_a_mask_is_refused():
    class Maskless(Tokens):
        mask_token_id = None

    with pytest.raises(TrainingError, match="has no mask token"):
        HiddenWords(Maskless())
