"""Looking up the 4-bit codes of 32 rows in all their tables: the inner loop of a scan, for whatever CPU this is.

AVX-512 with VBMI and VNNI looks 64 codes up in four tables at once and sums bytes by fours, which takes a third
of the time, but wants the codes of four tables side by side: `laid_out` puts them so. Other CPUs shuffle bytes by one
table in every 128 bits and read FAISS's own layout (André et al., "Quicker ADC", 1812.09162).
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from mrl_search.indexes.kernels.simd import FEATURES, I8, I16, I32, I64, address, everywhere, loaded, places, splat

_SHUFFLES = (  # CPU feature, LLVM's name of the instruction, bytes it shuffles at once
    ("avx512bw", "llvm.x86.avx512.pshuf.b.512", 64),
    ("avx2", "llvm.x86.avx2.pshuf.b", 32),
    ("ssse3", "llvm.x86.ssse3.pshuf.b.128", 16),
    ("neon", "llvm.aarch64.neon.tbl1.v16i8", 16),
)
_PERMUTE, _SUM_FOURS = "llvm.x86.avx512.permvar.qi.512", "llvm.x86.avx512.vpdpbusd.512"
_SHUFFLE, _WIDTH = next(((name, width) for feature, name, width in _SHUFFLES if FEATURES.get(feature)), ("", 0))
_PERMUTES = all(FEATURES.get(feature) for feature in ("avx512bw", "avx512vbmi", "avx512vnni"))
_TOGETHER = 8  # tables whose codes stand in 64 bytes, where the CPU permutes
_REPACKED = 4_096  # blocks at a time

TABLES = _TOGETHER if _PERMUTES else _WIDTH // 16
"""A code's number of tables must be a multiple of this; 0 where the CPU has no instruction for them."""


def laid_out(blocks: NDArray[np.uint8], tables: int) -> NDArray[np.uint8]:
    """FAISS's packed codes (pq4_pack_codes, bbs 32) as `block_sums` reads them: the same, or a copy of that size.

    FAISS: 16 bytes a table; byte j holds the code of row perm[j] in its lower half and that of perm[j] + 16 in its
    upper, perm being 0 8 1 9 2 10 …. Ours: 128 bytes for 8 tables, 4 a row; byte j of them holds the code of
    table j in its lower half and that of table j + 4 in its upper.
    """
    if not _PERMUTES:
        return blocks
    theirs = blocks.reshape(-1, tables // _TOGETHER, 2, 4, 8, 2)  # block, tables by 8, upper 4, table, row, row + 8
    ours = np.empty((len(theirs), tables // _TOGETHER, 2, 2, 8, 4), np.uint8)  # …, row // 16, row // 8, row, table
    for start in range(0, len(theirs), _REPACKED):
        low, high = theirs[start : start + _REPACKED, :, 0], theirs[start : start + _REPACKED, :, 1]
        halves = (low & 15 | high << 4, low >> 4 | high & 240)
        for place, half in enumerate(halves):
            ours[start : start + _REPACKED, :, place] = half.transpose(0, 1, 4, 3, 2)
    return ours.ravel()


@intrinsic
def block_sums(
    typing_context: Any, codes: Any, start: Any, luts: Any, tables: Any, lead: Any, sums: Any, at: Any
) -> Any:
    """Sums what `tables` look-up tables say of each of 32 codes, and `lead`; returns the largest sum.

    codes: uint8, as `laid_out` leaves them, of which tables × 16 bytes from `start` are read; luts: uint8, 16 a table.
    sums: uint16, of which at … at + 31 are written.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = [address(context, builder, signature, arguments, place) for place in (0, 2, 5)]
        block, target = builder.gep(data[0], [arguments[1]]), builder.gep(data[2], [arguments[6]])
        summed = (_permuted if _PERMUTES else _shuffled)(builder, block, data[1], arguments[3])
        summed = builder.add(summed, everywhere(builder, summed.type, arguments[4]))
        builder.store(summed, builder.bitcast(target, summed.type.as_pointer())).align = 2
        reduction = ir.FunctionType(I16, [summed.type])
        largest = cgutils.get_or_insert_function(builder.module, reduction, "llvm.vector.reduce.umax.v32i16")
        return builder.call(largest, [summed])

    return types.uint16(codes, types.intp, luts, types.intp, types.uint16, sums, types.intp), generate


def _permuted(builder: Any, block: Any, luts: Any, tables: Any) -> Any:
    bytes_, sums = ir.VectorType(I8, 64), ir.VectorType(I32, 16)
    permute = _instruction(builder, _PERMUTE, bytes_, [bytes_, bytes_])
    sum_fours = _instruction(builder, _SUM_FOURS, sums, [sums, sums, sums])  # LLVM before 22 knows it by no other type
    which = ir.Constant(bytes_, [0, 16, 32, 48] * 16)  # of four tables that stand one after the other
    totals = [cgutils.alloca_once_value(builder, splat(sums, 0)) for _ in range(4)]
    with cgutils.for_range(builder, builder.udiv(tables, I64(_TOGETHER))) as loop:
        offset = builder.mul(loop.index, I64(16 * _TOGETHER))
        lut = [loaded(builder, builder.gep(luts, [builder.add(offset, I64(64 * four))]), bytes_) for four in (0, 1)]
        for half in (0, 1):
            codes = loaded(builder, builder.gep(block, [builder.add(offset, I64(64 * half))]), bytes_)
            for four, nibbles in enumerate(_nibbles(builder, codes)):
                found = builder.call(permute, [lut[four], builder.or_(nibbles, which)])
                total, ones = totals[2 * half + four], splat(sums, 0x01010101)
                builder.store(builder.call(sum_fours, [builder.load(total), builder.bitcast(found, sums), ones]), total)
    halves = [builder.add(builder.load(totals[place]), builder.load(totals[place + 1])) for place in (0, 2)]
    return _joined(builder, *(builder.trunc(half, ir.VectorType(I16, 16)) for half in halves))


def _shuffled(builder: Any, block: Any, luts: Any, tables: Any) -> Any:
    bytes_, words = ir.VectorType(I8, _WIDTH), ir.VectorType(I16, _WIDTH // 2)
    look_up = _instruction(builder, _SHUFFLE, bytes_, [bytes_, bytes_])
    totals = [cgutils.alloca_once_value(builder, splat(words, 0)) for _ in range(4)]

    def add(place: int, what: Any) -> None:
        builder.store(builder.add(builder.load(totals[place]), what), totals[place])

    with cgutils.for_range(builder, builder.udiv(tables, I64(_WIDTH // 16))) as loop:
        offset = builder.mul(loop.index, I64(_WIDTH))
        codes, lut = (loaded(builder, builder.gep(pointer, [offset]), bytes_) for pointer in (block, luts))
        for place, nibbles in zip((0, 2), _nibbles(builder, codes), strict=True):
            pairs = builder.bitcast(builder.call(look_up, [lut, nibbles]), words)
            add(place, pairs)  # the even bytes, and 256 × the odd ones
            add(place + 1, builder.lshr(pairs, splat(words, 8)))  # the odd bytes
    parts = []
    for place in (0, 2):  # the even bytes are rows 0 … 7 in order, the odd ones 8 … 15
        both, odd = builder.load(totals[place]), builder.load(totals[place + 1])
        even = builder.sub(both, builder.shl(odd, splat(words, 8)))
        parts += [_over_lanes(builder, even), _over_lanes(builder, odd)]
    return _joined(builder, _joined(builder, parts[0], parts[1]), _joined(builder, parts[2], parts[3]))


def _instruction(builder: Any, name: str, gives: Any, takes: Any) -> Any:
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(gives, takes), name)


def _nibbles(builder: Any, codes: Any) -> tuple[Any, Any]:
    """The lower and the upper half of every byte."""
    words = ir.VectorType(I16, codes.type.count // 2)
    shifted = builder.bitcast(builder.lshr(builder.bitcast(codes, words), splat(words, 4)), codes.type)
    return builder.and_(codes, splat(codes.type, 15)), builder.and_(shifted, splat(codes.type, 15))


def _over_lanes(builder: Any, words: Any) -> Any:
    """Eight 16-bit words: the sum over the lanes of 128 bits."""
    undefined = ir.Constant(words.type, ir.Undefined)
    lanes = words.type.count // 8
    parts = [builder.shuffle_vector(words, undefined, places(range(8 * n, 8 * n + 8))) for n in range(lanes)]
    total = parts[0]
    for part in parts[1:]:
        total = builder.add(total, part)
    return total


def _joined(builder: Any, first: Any, second: Any) -> Any:
    return builder.shuffle_vector(first, second, places(range(2 * first.type.count)))
