import numpy as np
import pytest
import torch

from mrl_search.fidelity import nearest
from mrl_search.rotations import learned
from mrl_search.rotations.blocks import rotation_of
from mrl_search.rotations.choice import _recall
from mrl_search.rotations.goal import Goal, Recipe
from mrl_search.rotations.learned import _cosines, _slope, _softmax, _with_half, learn
from mrl_search.vectors import unit

SHORT = Recipe(steps=60, pool=256, anchors=64)


def misleading(seed=0):
    """Most length lies on two-valued coordinates, ±1, that tell few rows apart; the clusters differ in the weak ones.

    400 rows of 16: four strong noise-free signs, shared by a sixteenth of all rows each, then 40 clusters in 12 dims.
    """
    random = np.random.default_rng(seed)
    strong = random.choice([-1.0, 1.0], (400, 4)) * 1.1
    weak = np.repeat(random.standard_normal((40, 12)), 10, axis=0) + 0.1 * random.standard_normal((400, 12))
    return unit(np.hstack([strong, weak]).astype(np.float32))


def loss(sample, rotation, dim):
    """The objective over all rows, by its definition: cross-entropy of softmaxes with the diagonal left out."""
    others = ~np.eye(len(sample), dtype=bool)

    def logs(vectors, temperature):
        scores = (vectors @ vectors.T / temperature)[others].reshape(len(sample), -1).astype(np.float64)
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))

    return -(np.exp(logs(sample, 0.04)) * logs(unit(rotation.apply(sample)[:, :dim]), 0.05)).sum(axis=1).mean()


def test_learned_axes_lower_the_objective_and_find_more_neighbours_than_principal_ones():
    sample = misleading()
    true = nearest(sample, sample, 10)
    principal = rotation_of("pca", sample, Goal((4,)))
    learned = rotation_of("learned", sample, Goal((4,), recipe=SHORT))
    assert loss(sample, learned, 4) < loss(sample, principal, 4) - 0.1
    found = [_recall(sample, sample, true, rotation, (4,), 10) for rotation in (principal, learned)]
    assert found[1] > found[0] + 0.05


def test_inside_a_block_the_objective_is_that_of_the_whole_prefix():
    sample = misleading()
    principal = rotation_of("block-pca", sample, Goal((6,), (2, 12)))
    learned = rotation_of("block-learned", sample, Goal((6,), (2, 12), recipe=SHORT))
    assert loss(sample, learned, 6) < loss(sample, principal, 6) - 0.02


def test_the_slope_is_the_one_autograd_finds_width_by_width():
    sample = torch.from_numpy(misleading()[:60])
    sample[7] = sample[40] = 0
    sample[41, :3] *= 1e-4  # shorter by the first width than what is scaled to unit length
    turned = sample[:, :9].clone().requires_grad_()
    target = _softmax(_cosines(sample, 15), 0.04)
    loss = torch.zeros(())
    for width in (3, 4, 9):
        short = torch.nn.functional.normalize(turned[:, :width], eps=1e-3)
        scores = (short[:15] @ short.T / 0.05)[~torch.eye(15, 60, dtype=torch.bool)].reshape(15, 59)
        wanted = target[~torch.eye(15, 60, dtype=torch.bool)].reshape(15, 59)
        loss = loss + torch.nn.functional.cross_entropy(scores, wanted)
    loss.backward()
    torch.testing.assert_close(_slope(turned.detach(), target, (3, 4, 9), 0.05), turned.grad, atol=1e-4, rtol=1e-4)


def test_learned_axes_are_orthonormal_to_float32():
    axes = learn(misleading(), (0, 16), (4, 9), SHORT, 0)
    np.testing.assert_allclose(axes @ axes.T, np.eye(9), atol=1e-6)


def test_no_row_is_a_neighbour_of_itself():
    found = _softmax(torch.tensor([[1.0, 0.2, 0.2]]), 0.04)
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.5, 0.5]]))


@pytest.mark.parametrize(("rows", "pool"), [(400, 400), (4_000, 1_024), (10_000, 2_000), (50_000, 8_192)])
def test_a_step_draws_a_fifth_of_the_rows_within_bounds(monkeypatch, rows, pool):
    seen = []

    def noted(turned, target, *_):
        seen.append(len(turned))
        return torch.zeros_like(turned)

    monkeypatch.setattr(learned, "_slope", noted)
    learn(np.ones((rows, 4), np.float32), (0, 4), (2,), Recipe(steps=20, anchors=2), 0)
    assert set(seen) == {pool}


def test_torchs_global_generator_is_neither_read_nor_moved():
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        results.append(learn(misleading(), (0, 16), (4,), SHORT, 0))
        assert torch.equal(torch.get_rng_state(), before)
    assert (results[0] == results[1]).all()


def test_another_seed_draws_other_rows():
    first, second = (learn(misleading(), (0, 16), (4,), Recipe(steps=20, pool=64, anchors=16), seed) for seed in (0, 1))
    assert (first != second).any()


def test_only_the_axes_of_the_widest_prefix_are_learned():
    assert learn(misleading(), (4, 16), (6, 9), SHORT, 0).shape == (5, 12)


def test_rows_that_have_nothing_in_the_prefix_do_no_harm():
    sample = np.zeros((60, 8), np.float32)
    sample[np.arange(60), np.arange(60) % 7] = 1
    sample[::9] = 0
    assert np.isfinite(learn(sample, (0, 8), (2,), SHORT, 0)).all()


@pytest.mark.parametrize(
    ("widths", "start", "wanted"),
    [((64,), 0, [32, 64]), ((16,), 0, [16]), ((32, 64), 0, [32, 64]), ((64,), 32, [64]), ((96,), 32, [48, 96])],
)
def test_a_single_width_is_learned_with_its_half_if_that_lies_in_the_span(widths, start, wanted):
    assert _with_half(widths, start) == wanted


@pytest.mark.parametrize("able", [{"avx512_bf16": True}, {"amx_bf16": True}, {}])
def test_cosines_come_as_float32_whatever_multiplies_them(monkeypatch, able):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    rows = torch.from_numpy(misleading())
    cosines = _cosines(rows, 5)
    assert cosines.dtype is torch.float32
    torch.testing.assert_close(cosines, rows[:5] @ rows.T, atol=1e-2 if able else 1e-6, rtol=0)
