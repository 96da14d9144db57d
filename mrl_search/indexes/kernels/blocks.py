"""Upper bounds of 64 rows at once, from 4 bits a dim that lie dimension by dimension: the inner loop of `sift`.

One instruction of AVX-512 VNNI adds to each of 16 rows what four dims are worth; no sum over a register is ever
needed, since every row has a place of its own (PDX, Kuffo et al. 2025, 2503.04422). Other CPUs do the same in plain
vector arithmetic.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from mrl_search.indexes.kernels.simd import FEATURES, I8, I16, I32, I64, address, everywhere, loaded, splat

ROWS = 64
"""Rows of a block. Its bytes: 256 for every 8 dims, then 64 errors and 64 tails as uint16 (see `block_reaching`)."""

DIMS = 8
"""A block's number of dims is a multiple of this."""

_LANES = 16  # rows in a register
_GROUPS = ROWS // _LANES
_FLOAT = ir.FloatType()
_SUMS, _BYTES, _FLOATS = ir.VectorType(I32, _LANES), ir.VectorType(I8, 4 * _LANES), ir.VectorType(_FLOAT, _LANES)
_SUMS_FOURS = all(FEATURES.get(feature) for feature in ("avx512bw", "avx512vnni"))


@intrinsic
def block_reaching(typing_context: Any, blocks: Any, start: Any, weights: Any, octets: Any, terms: Any) -> Any:
    """64 bits: which rows of a block have a bound of 0 or more, lead + unit · sum + by_error · error + by_tail · tail.

    blocks: uint8, read from `start`. Of every 8 dims, 4 bytes a row: of byte j the lower half is the code of dim j, the
    upper that of dim j + 4. sum: of codes times weights, which are 16-bit numbers.
    weights: int8, 16 for every 8 dims: the upper bytes of those of the first four, of the others, then the lower bytes,
    as signed numbers: a weight is 256 · upper + lower. terms: float32, (lead, unit, by_error, by_tail).
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        codes, numbers, factors = (address(context, builder, signature, arguments, place) for place in (0, 2, 4))
        block = builder.gep(codes, [arguments[1]])
        upper, lower = _summed(builder, block, numbers, arguments[3])
        facts = builder.gep(block, [builder.mul(arguments[3], I64(4 * ROWS))])
        lead, unit, by_error, by_tail = (
            everywhere(builder, _FLOATS, builder.load(builder.gep(factors, [I64(place)]))) for place in range(4)
        )
        mask = I64(0)
        for group in range(_GROUPS):
            total = builder.add(builder.shl(builder.load(upper[group]), splat(_SUMS, 8)), builder.load(lower[group]))
            bound = builder.fadd(lead, builder.fmul(unit, builder.sitofp(total, _FLOATS)))
            for factor, at in ((by_error, 0), (by_tail, 2 * ROWS)):
                where = builder.gep(facts, [I64(at + 2 * _LANES * group)])
                fact = builder.uitofp(loaded(builder, where, ir.VectorType(I16, _LANES)), _FLOATS)
                bound = builder.fadd(bound, builder.fmul(factor, fact))
            reached = builder.fcmp_ordered(">=", bound, ir.Constant(_FLOATS, [0.0] * _LANES))
            bits = builder.zext(builder.bitcast(reached, I16), I64)
            mask = builder.or_(mask, builder.shl(bits, I64(_LANES * group)))
        return mask

    return types.uint64(blocks, types.intp, weights, types.intp, terms), generate


def _summed(builder: Any, block: Any, numbers: Any, octets: Any) -> tuple[list[Any], list[Any]]:
    """Where the sums of upper and of lower bytes of weights stand, 16 rows each."""
    upper, lower = ([cgutils.alloca_once_value(builder, splat(_SUMS, 0)) for _ in range(_GROUPS)] for _ in range(2))
    with cgutils.for_range(builder, octets) as loop:
        codes = builder.gep(block, [builder.mul(loop.index, I64(4 * ROWS))])
        words = builder.gep(numbers, [builder.mul(loop.index, I64(16))])
        weights = [everywhere(builder, _SUMS, loaded(builder, builder.gep(words, [I64(4 * n)]), I32)) for n in range(4)]
        for group in range(_GROUPS):
            bytes_ = loaded(builder, builder.gep(codes, [I64(4 * _LANES * group)]), _SUMS)
            low = builder.and_(bytes_, splat(_SUMS, 0x0F0F0F0F))
            high = builder.and_(builder.lshr(bytes_, splat(_SUMS, 4)), splat(_SUMS, 0x0F0F0F0F))
            for half, quads in ((upper, weights[:2]), (lower, weights[2:])):
                total = builder.load(half[group])
                for quad, weight in zip((low, high), quads, strict=True):
                    total = _plus(builder, total, quad, weight)
                builder.store(total, half[group])
    return upper, lower


def _plus(builder: Any, total: Any, quad: Any, weight: Any) -> Any:
    """The sums, and of four unsigned bytes in each place the products with four signed ones."""
    if _SUMS_FOURS:
        kind = ir.FunctionType(_SUMS, [_SUMS, _SUMS, _SUMS])  # LLVM before 22 knows it by no other type
        add = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.vpdpbusd.512")
        return builder.call(add, [total, quad, weight])
    for place in range(4):
        code = builder.and_(builder.lshr(quad, splat(_SUMS, 8 * place)), splat(_SUMS, 255))
        signed = builder.ashr(builder.shl(weight, splat(_SUMS, 24 - 8 * place)), splat(_SUMS, 24))
        total = builder.add(total, builder.mul(code, signed))
    return total
