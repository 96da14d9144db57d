"""Machine instructions that numba has no name for: a look-up table in every byte, a prefetch, bits read as a float.

What stands here is generated code; `fastscan` and `rescore` say what it is for.
"""

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_SHUFFLES = (  # CPU feature, LLVM's name of the instruction, bytes it shuffles at once
    ("avx512bw", "llvm.x86.avx512.pshuf.b.512", 64),
    ("avx2", "llvm.x86.avx2.pshuf.b", 32),
    ("ssse3", "llvm.x86.ssse3.pshuf.b.128", 16),
    ("neon", "llvm.aarch64.neon.tbl1.v16i8", 16),
)


def _shuffle() -> tuple[str, int]:
    features = binding.get_host_cpu_features()
    return next(((name, width) for feature, name, width in _SHUFFLES if features.get(feature)), ("", 0))


SHUFFLE, WIDTH = _shuffle()
"""The byte shuffle of this CPU and how many bytes it takes; "" and 0 where there is none."""

LANES = WIDTH // 16
"""Tables looked up at once: a code's number of tables must be a multiple of this."""


@intrinsic
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Asks for the cache line of array.flat[index] of a C-ordered array, without waiting."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.gep(_data(context, builder, signature, arguments, 0), [arguments[1]])
        kind = ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(fetch, [builder.bitcast(pointer, _I8.as_pointer()), _I32(0), _I32(3), _I32(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@intrinsic
def float_of_bits(typing_context: Any, bits: Any) -> Any:
    """The float32 whose 32 bits these are."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def bits_of_float(typing_context: Any, number: Any) -> Any:
    """The 32 bits of a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], _I32)

    return types.uint32(types.float32), generate


@intrinsic
def trailing_zeros(typing_context: Any, bits: Any) -> Any:
    """The place of the lowest 1 of 32 bits, which must not all be 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1)), _I64)

    return types.int64(types.uint32), generate


@intrinsic
def block_sums(typing_context: Any, codes: Any, start: Any, luts: Any, tables: Any, sums: Any, at: Any) -> Any:
    """Sums what `tables` look-up tables say of each of 32 codes, as FAISS packs them; returns the largest sum.

    codes: uint8, of which tables × 16 bytes from `start` are read; luts: uint8, 16 a table.
    sums: uint16, of which at … at + 31 are written.

    FAISS's layout (pq4_pack_codes, bbs 32): 16 bytes a table; byte j holds the code of
    vector perm[j] in its lower half and that of perm[j] + 16 in its upper, perm being
    0 8 1 9 2 10 …, so that the even bytes of a sum of 16-bit words are vectors 0…7 in order and the odd
    ones 8…15 (André et al., "Quicker ADC", 1812.09162, and FAISS's simdlib).
    """
    vector, words = ir.VectorType(_I8, WIDTH), ir.VectorType(_I16, WIDTH // 2)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = [_data(context, builder, signature, arguments, place) for place in (0, 2, 4)]
        code_start, table_start, target = (
            builder.gep(data[0], [arguments[1]]),
            data[1],
            builder.gep(data[2], [arguments[5]]),
        )
        kind = ir.FunctionType(vector, [vector, vector])
        look_up = cgutils.get_or_insert_function(builder.module, kind, SHUFFLE)
        totals = [cgutils.alloca_once_value(builder, _splat(words, 0)) for _ in range(4)]

        def add(place: int, what: Any) -> None:
            builder.store(builder.add(builder.load(totals[place]), what), totals[place])

        with cgutils.for_range(builder, builder.udiv(arguments[3], _I64(LANES))) as loop:
            offset = builder.mul(loop.index, _I64(WIDTH))
            code, table = (_load(builder, builder.gep(p, [offset]), vector) for p in (code_start, table_start))
            shifted = builder.bitcast(builder.lshr(builder.bitcast(code, words), _splat(words, 4)), vector)
            for place, halves in ((0, code), (2, shifted)):
                found = builder.call(look_up, [table, builder.and_(halves, _splat(vector, 15))])
                pairs = builder.bitcast(found, words)
                add(place, pairs)  # the even bytes, and 256 × the odd ones
                add(place + 1, builder.lshr(pairs, _splat(words, 8)))  # the odd bytes
        parts = []
        for place in (0, 2):
            both, odd = builder.load(totals[place]), builder.load(totals[place + 1])
            even = builder.sub(both, builder.shl(odd, _splat(words, 8)))
            parts += [_over_lanes(builder, even), _over_lanes(builder, odd)]
        joined = _joined(builder, _joined(builder, parts[0], parts[1]), _joined(builder, parts[2], parts[3]))
        builder.store(joined, builder.bitcast(target, joined.type.as_pointer())).align = 2
        reduction = ir.FunctionType(_I16, [joined.type])
        largest = cgutils.get_or_insert_function(builder.module, reduction, "llvm.vector.reduce.umax.v32i16")
        return builder.call(largest, [joined])

    return types.uint16(codes, types.intp, luts, types.intp, sums, types.intp), generate


@intrinsic
def at_least(typing_context: Any, sums: Any, at: Any, least: Any) -> Any:
    """32 bits: bit i says sums[at + i] >= least. sums: uint16."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(_I16, 32)
        found = builder.gep(_data(context, builder, signature, arguments, 0), [arguments[1]])
        loaded = builder.load(builder.bitcast(found, kind.as_pointer()))
        loaded.align = 2
        undefined = ir.Constant(kind, ir.Undefined)
        least_everywhere = builder.shuffle_vector(
            builder.insert_element(undefined, arguments[2], _I32(0)), undefined, _places([0] * 32)
        )
        return builder.bitcast(builder.icmp_unsigned(">=", loaded, least_everywhere), _I32)

    return types.uint32(sums, types.intp, types.uint16), generate


def _data(context: Any, builder: Any, signature: Any, arguments: Any, place: int) -> Any:
    """The address of an array argument's first element."""
    return context.make_array(signature.args[place])(context, builder, arguments[place]).data


def _load(builder: Any, pointer: Any, kind: Any) -> Any:
    loaded = builder.load(builder.bitcast(pointer, kind.as_pointer()))
    loaded.align = 1
    return loaded


def _splat(kind: Any, value: int) -> Any:
    return ir.Constant(kind, [value] * kind.count)


def _places(numbers: Any) -> Any:
    numbers = list(numbers)
    return ir.Constant(ir.VectorType(_I32, len(numbers)), numbers)


def _over_lanes(builder: Any, words: Any) -> Any:
    """Eight 16-bit words: the sum over the lanes of 128 bits."""
    undefined = ir.Constant(words.type, ir.Undefined)
    lanes = [builder.shuffle_vector(words, undefined, _places(range(8 * n, 8 * n + 8))) for n in range(LANES)]
    total = lanes[0]
    for lane in lanes[1:]:
        total = builder.add(total, lane)
    return total


def _joined(builder: Any, first: Any, second: Any) -> Any:
    return builder.shuffle_vector(first, second, _places(range(2 * first.type.count)))
