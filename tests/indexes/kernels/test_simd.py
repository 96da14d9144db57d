import numpy as np
import pytest
from numba import njit

from mrl_search.indexes.kernels.simd import (
    at_least,
    bits_of_float,
    dot_of_bytes,
    dot_of_halves,
    float_of_bits,
    trailing_zeros,
)


@njit
def call_bits(number):
    return bits_of_float(number), float_of_bits(bits_of_float(number))


@njit
def call_zeros(bits):
    return trailing_zeros(bits)


@njit
def call_at_least(sums, at, least):
    return at_least(sums, at, least)


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


@njit
def call_bytes(unsigned, start, signed, count):
    return dot_of_bytes(unsigned, start, signed, count)


@njit
def call_halves(codes, start, signed, count):
    return dot_of_halves(codes, start, signed, count)


@pytest.mark.parametrize("count", [32, 64, 160])
def test_inner_products_of_bytes(count):
    random = np.random.default_rng(count)
    unsigned = random.integers(0, 256, count + 7).astype(np.uint8)
    signed = random.integers(-128, 128, 2 * count).astype(np.int8)
    unsigned[7:9], signed[:2] = 255, -128  # would not fit 16 bits together
    given = unsigned[7:].astype(int)
    assert call_bytes(unsigned, 7, signed, count) == given @ signed[:count].astype(int)
    assert call_halves(unsigned, 7, signed, count) == np.concatenate([given & 15, given >> 4]) @ signed.astype(int)
