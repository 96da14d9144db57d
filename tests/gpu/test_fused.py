"""On a card the kernel is compiled; elsewhere Triton's interpreter runs it, if Triton is there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mrl_search.errors import DeviceError
from mrl_search.gpu import scan as scanning
from mrl_search.gpu.scan import HALF_NOISE, Groups, Scan, largest_of
from mrl_search.vectors import unit


@pytest.fixture
def fused(device, monkeypatch):
    if not device.is_cuda:
        if torch.cuda.is_available():
            pytest.skip("Triton is compiled here; its interpreter would have to be chosen before it is loaded")
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    pytest.importorskip("triton", reason="Triton comes with torch's CUDA build, and this torch has none")
    from mrl_search.gpu import fused

    return fused


def halves(device, *shape):
    vectors = np.random.default_rng(shape[0]).standard_normal(shape)
    return torch.tensor(unit(vectors), device=str(device)).half()


@pytest.mark.parametrize("queries", [1, 16, 70])
@pytest.mark.parametrize("rows", [1, 32, 300, 1025])
def test_each_maximum_is_that_of_its_32_rows(fused, device, queries, rows):
    asked, stored = halves(device, queries, 64), halves(device, rows, 64)
    found = fused.group_maxima(asked, stored).cpu().float()
    whole = torch.nn.functional.pad(asked.cpu().float() @ stored.cpu().float().T, (0, -rows % 32), value=-torch.inf)
    torch.testing.assert_close(found, whole.view(queries, -1, 32).amax(2), atol=1e-3, rtol=0)


@pytest.mark.parametrize("dim", [16, 128, 256])
def test_it_takes_the_widths_it_says_it_takes(fused, device, dim):
    stored = halves(device, 200, dim)
    fused.demand_fusible(dim)
    assert fused.group_maxima(halves(device, 3, dim), stored).shape == (3, 7)
    with pytest.raises(DeviceError, match="takes prefixes of 16, 32, 64, 128, 256 dims, these have 96"):
        fused.demand_fusible(96)


def test_candidates_by_groups_hold_the_best(fused, device):
    stored, asked = halves(device, 4001, 64), halves(device, 9, 64)
    found = Scan(stored, fused.GROUPS).candidates(asked.float(), 5).cpu()
    true = asked.cpu().double() @ stored.cpu().double().T
    for query, rows in enumerate(true.topk(5).indices):
        assert set(rows.tolist()) <= set(found[query].tolist())


def test_within_groups_all_rows_are_compared_and_none_beyond_the_last(fused, device):
    stored, asked = halves(device, 70, 64), halves(device, 3, 64)
    groups = torch.tensor([[0, 2], [2, 1], [1, 0]], device=str(device))
    found = fused.cosines_within(asked, stored, groups).cpu()
    torch.testing.assert_close(found, naive_within(asked, stored, groups).cpu().float(), atol=1e-6, rtol=0)
    assert (found[0, 32:] > -torch.inf).sum() == 6


def naive_maxima(queries, prefixes):
    whole = torch.nn.functional.pad(queries @ prefixes.T, (0, -len(prefixes) % 32), value=-torch.inf)
    return whole.view(len(queries), -1, 32).amax(2)


def naive_within(queries, prefixes, groups):
    whole = torch.nn.functional.pad(queries.float() @ prefixes.float().T, (0, -len(prefixes) % 32), value=-torch.inf)
    rows = 32 * groups[:, :, None] + torch.arange(32, device=groups.device)
    return whole.gather(1, rows.flatten(1))


@pytest.mark.parametrize("rows", [4000, 4001, 4127])
@pytest.mark.parametrize("at_a_time", [2**30, 2 * 4 * 4000 // 32])
def test_groups_that_are_found_by_naive_means_give_what_all_products_give(device, rows, at_a_time, monkeypatch):
    monkeypatch.setattr(scanning, "_CARD_BYTES", at_a_time)
    stored, asked = halves(device, rows, 64), halves(device, 7, 64)
    scan, plain = Scan(stored, Groups(naive_maxima, naive_within, 2 * HALF_NOISE)), Scan(stored)
    found, expected = (some.largest(asked.float(), 20) for some in (scan, plain))
    assert scan.noise == 2 * plain.noise == 2 * HALF_NOISE
    torch.testing.assert_close(found[0], expected[0], atol=HALF_NOISE, rtol=0)
    assert torch.equal(largest_of(found[0], 20)[0], found[0])  # in order
    assert (found[1] < rows).all()
    overlap = [
        len(np.intersect1d(*some)) for some in zip(found[1].cpu().numpy(), expected[1].cpu().numpy(), strict=True)
    ]
    assert min(overlap) >= 19


@pytest.mark.slow
@pytest.mark.parametrize("arch", [80, 90])
def test_it_compiles_for_cards_that_are_not_here(arch):
    pytest.importorskip("triton", reason="Triton comes with torch's CUDA build, and this torch has none")
    code = f"""
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from mrl_search.gpu import fused
half = dict.fromkeys(("queries", "prefixes"), "*fp16")
def shared(kernel, kinds, fixed):
    source = ASTSource(kernel, kinds | dict.fromkeys(fixed, "constexpr"), constexprs=fixed)
    made = compile(source, target=GPUTarget("cuda", {arch}, 32))
    assert made.asm["cubin"]
    return made.metadata.shared
for dim in fused.WIDTHS:
    for lines, tiles in ((16, 1), (64, 16)):
        fixed = {{"dim": dim, "lines": lines, "rows": 128, "group": 32, "tiles": tiles, "stages": fused._STAGES[dim]}}
        assert shared(fused._group_maxima, half | {{"found": "*fp16", "count": "i32", "size": "i32"}}, fixed) <= 99 * 1024
    kinds = half | {{"groups": "*i64", "found": "*fp32", "size": "i32", "many": "i32"}}
    shared(fused._cosines_within, kinds, {{"dim": dim, "group": 32}})
"""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=Path(__file__).parents[2])
