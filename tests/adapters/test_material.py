"""What adapters are fitted to, and the loop that all of them share."""

import numpy as np
import pytest
import torch

from mrl_search.adapters import Material, Settings
from mrl_search.adapters.material import descend, generator, neighbours
from mrl_search.errors import AdapterError
from mrl_search.progress import bar


def descended(loss_of, weight, **told):
    settings = Settings((1,), **({"steps": 3, "rate": 0.5} | told))
    with bar(settings.steps, "fitting", "steps", shown=False) as shown:
        descend([weight], lambda: loss_of(weight), settings, shown)
        return shown.n


def test_material_and_settings_must_make_sense(material):
    with pytest.raises(AdapterError, match="80 queries and 79 positives"):
        Material(material.documents, material.queries, material.positives[1:])
    with pytest.raises(AdapterError, match="of one width, found documents of 8 dims, queries of 16"):
        Material(material.documents[:, :8], material.queries, material.positives)
    with pytest.raises(AdapterError, match="finite"):
        Material(material.documents * np.float32(np.nan), material.queries, material.positives)
    with pytest.raises(AdapterError, match=r"must grow from 1, found \[8, 4\]"):
        Settings((8, 4))
    with pytest.raises(AdapterError, match="begins as identity or pca, found 'x'"):
        Settings((4,), start="x")
    with pytest.raises(AdapterError, match="one of learned, pca, random, permuted, found 'auto'"):
        Settings((4,), kind="auto")
    with pytest.raises(AdapterError, match="found 400, 1, 0.001"):
        Settings((4,), batch=1)


def test_neighbours_are_the_nearest_others():
    rows = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0.9, 0.1], [0, 1], [0.2, 1]]), dim=1)
    assert neighbours(rows, 1).flatten().tolist() == [1, 0, 3, 2]


def test_neighbours_are_the_same_in_blocks_as_at_once():
    rows = torch.nn.functional.normalize(torch.randn((1500, 8), generator=generator(0)), dim=1)
    cosines = rows @ rows.T
    cosines.fill_diagonal_(-2)
    assert torch.equal(neighbours(rows, 3), cosines.topk(3, dim=1).indices)


def test_texts_are_the_documents_or_the_positives_where_there_are_none(material):
    assert material.texts is material.documents
    assert Material(material.documents[:0], material.queries, material.positives).texts is material.positives
    assert material.dim == 16


def test_the_rate_falls_to_nothing_in_a_line():
    weight = torch.tensor([0.0])
    descended(lambda w: w.sum(), weight)
    # Adam's step of a steady gradient is the rate: .5 · (1 + 2/3 + 1/3)
    assert weight.item() == pytest.approx(-1.0, abs=1e-4)
    assert not weight.requires_grad


def test_a_loss_that_explodes_ends_it_with_its_step():
    scales = iter([1.0, float("inf")])
    with pytest.raises(AdapterError, match="the loss of step 2 is inf; take a smaller --rate"):
        descended(lambda w: w.sum() * next(scales), torch.tensor([2.0]))


def test_a_fit_draws_by_its_own_generator():
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    torch.rand(5, generator=generator(1))
    assert torch.rand(1) == wanted
