import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from mrl_search.indexes.kernels.lookup import TABLES, block_sums, laid_out
from mrl_search.indexes.kernels.simd import FEATURES

pytestmark = pytest.mark.skipif(not TABLES, reason="this CPU has no byte shuffle")

LEVELS = [  # of instructions, each with those before it
    ("ssse3",),
    ("avx2",),
    ("avx512bw", "avx512vl"),
    ("avx512vbmi", "avx512vnni"),
]


@njit
def call_block(codes, start, luts, tables, lead, sums, at):
    return block_sums(codes, start, luts, tables, lead, sums, at)


@pytest.mark.parametrize("tables", [8, 32, 64, 256])
def test_32_codes_as_faiss_packs_them_are_summed(tables):
    random = np.random.default_rng(tables)
    plain = random.integers(0, 16, (32, tables))
    luts = random.integers(0, 240, (tables, 16)).astype(np.uint8)
    packed = np.empty((tables, 16), np.uint8)
    for byte in range(16):
        low = (byte >> 1) + 8 * (byte & 1)  # 0 8 1 9 2 10 …
        packed[:, byte] = plain[low] | plain[low + 16] << 4
    codes = np.concatenate([np.full(48, 255, np.uint8), laid_out(packed.ravel(), tables)])
    sums = np.full(40, 7, np.uint16)
    largest = call_block(codes, 48, luts.ravel(), tables, 3_000, sums, 4)
    expected = luts[np.arange(tables), plain].sum(axis=1) + 3_000
    assert sums[4:36].tolist() == expected.tolist()
    assert (largest, set(sums[:4]) | set(sums[36:])) == (expected.max(), {7})


def test_many_blocks_are_laid_out_like_one(monkeypatch):
    monkeypatch.setattr("mrl_search.indexes.kernels.lookup._REPACKED", 3)
    blocks = np.random.default_rng(0).integers(0, 256, 8 * 16 * 16).astype(np.uint8)
    alone = [laid_out(block, 16) for block in blocks.reshape(8, -1)]
    assert laid_out(blocks, 16).tolist() == np.concatenate(alone).tolist()


@pytest.mark.parametrize("level", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)])
def test_older_cpus_find_the_same(level, tmp_path):
    """This file and its neighbours again, in a process that is told of fewer instructions than there are."""
    missing = [feature for later in LEVELS[level + 1 :] for feature in later]
    if not all(FEATURES.get(feature) for feature in LEVELS[level]):
        pytest.skip(f"this CPU has no {LEVELS[level]}")
    program = (
        "import sys, pytest; from llvmlite import binding; features = binding.get_host_cpu_features()\n"
        f"features.update(dict.fromkeys({missing}, False)); binding.get_host_cpu_features = lambda: features\n"
        f"from mrl_search.indexes.kernels import lookup; assert lookup.TABLES == {2**level}, lookup.TABLES\n"
        "sys.exit(pytest.main(sys.argv[1:]))"
    )
    folder = "tests/indexes"
    chosen = [f"{folder}/kernels/test_lookup.py", f"{folder}/kernels/test_simd.py", f"{folder}/test_cells.py"]
    deselected = "not older_cpus"
    done = subprocess.run(
        [sys.executable, "-c", program, "-q", "-x", "-p", "no:cacheprovider", "-k", deselected, *chosen],
        capture_output=True,
        text=True,
        env={"NUMBA_CACHE_DIR": str(tmp_path), "PATH": ""},
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3_000:]
