import numpy as np
import pytest
from numba import njit

from mrl_search.indexes.kernels import LANES
from mrl_search.indexes.kernels.simd import at_least, bits_of_float, block_sums, float_of_bits, trailing_zeros


@njit
def call_bits(number):
    return bits_of_float(number), float_of_bits(bits_of_float(number))


@njit
def call_zeros(bits):
    return trailing_zeros(bits)


@njit
def call_at_least(sums, at, least):
    return at_least(sums, at, least)


@njit
def call_block(codes, start, luts, tables, sums, at):
    return block_sums(codes, start, luts, tables, sums, at)


@pytest.mark.parametrize("number", [0.0, -0.0, 1.5, -3e-39, np.inf])
def test_a_float_and_its_bits(number):
    bits, again = call_bits(np.float32(number))
    assert bits == np.float32(number).view(np.uint32)
    assert np.float32(again).view(np.uint32) == bits


@pytest.mark.parametrize("place", [0, 1, 17, 31])
def test_the_lowest_one_of_32_bits(place):
    assert call_zeros(np.uint32((0b1011 << place) & 0xFFFFFFFF)) == place


def test_a_bit_for_every_sum_that_reaches():
    sums = np.arange(40, dtype=np.uint16) * 1_700  # up to 66,300 mod 65,536: unsigned
    found = call_at_least(sums, 5, np.uint16(30_000))
    assert [bool(found >> bit & 1) for bit in range(32)] == (sums[5:37] >= 30_000).tolist()


@pytest.mark.skipif(not LANES, reason="this CPU has no byte shuffle")
@pytest.mark.parametrize("tables", [4, 8, 64, 256])
def test_32_codes_as_faiss_packs_them_are_summed(tables):
    random = np.random.default_rng(tables)
    plain = random.integers(0, 16, (32, tables))
    luts = random.integers(0, 256, (tables, 16)).astype(np.uint8)
    packed = np.empty((tables, 16), np.uint8)
    for byte in range(16):
        low = (byte >> 1) + 8 * (byte & 1)  # 0 8 1 9 2 10 …
        packed[:, byte] = plain[low] | plain[low + 16] << 4
    codes = np.concatenate([np.full(48, 255, np.uint8), packed.ravel()])
    sums = np.full(40, 7, np.uint16)
    largest = call_block(codes, 48, luts.ravel(), tables, sums, 4)
    expected = luts[np.arange(tables), plain].sum(axis=1)
    assert sums[4:36].tolist() == expected.tolist()
    assert (largest, set(sums[:4]) | set(sums[36:])) == (expected.max(), {7})
