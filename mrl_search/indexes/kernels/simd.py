"""Machine instructions that numba has no name for: a prefetch, bits read as a float, 32 comparisons at once.

What stands here and in `lookup` is generated code; `fastscan` and `rescore` say what it is for.
"""

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
FEATURES = binding.get_host_cpu_features()
_SUMS_FOURS = all(FEATURES.get(feature) for feature in ("avx512vl", "avx512vnni"))

STRIDE = 32
"""Bytes that inner products of bytes are taken over at a time."""


@intrinsic
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Asks for the cache line of array.flat[index] of a C-ordered array, without waiting."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.gep(address(context, builder, signature, arguments, 0), [arguments[1]])
        kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(fetch, [builder.bitcast(pointer, I8.as_pointer()), I32(0), I32(3), I32(1)])
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
        return builder.bitcast(arguments[0], I32)

    return types.uint32(types.float32), generate


@intrinsic
def trailing_zeros(typing_context: Any, bits: Any) -> Any:
    """The place of the lowest 1 of 32 bits, which must not all be 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1)), I64)

    return types.int64(types.uint32), generate


@intrinsic
def at_least(typing_context: Any, sums: Any, at: Any, least: Any) -> Any:
    """32 bits: bit i says sums[at + i] >= least. sums: uint16."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(I16, 32)
        found = builder.gep(address(context, builder, signature, arguments, 0), [arguments[1]])
        reached = builder.icmp_unsigned(">=", loaded(builder, found, kind), everywhere(builder, kind, arguments[2]))
        return builder.bitcast(reached, I32)

    return types.uint32(sums, types.intp, types.uint16), generate


@intrinsic
def dot_of_bytes(typing_context: Any, unsigned: Any, start: Any, signed: Any, count: Any) -> Any:
    """The inner product, int32, of `count` uint8 from `start` of a flat view with as many int8.

    count: a multiple of STRIDE.
    """
    return types.int32(unsigned, types.intp, signed, types.intp), _dot(lambda builder, numbers: [numbers])


@intrinsic
def dot_of_halves(typing_context: Any, codes: Any, start: Any, signed: Any, count: Any) -> Any:
    """As `dot_of_bytes`, of the lower halves of the bytes with `count` int8, and the upper ones with as many more."""

    def halves(builder: Any, numbers: Any) -> list[Any]:
        return [builder.and_(numbers, splat(numbers.type, 15)), builder.lshr(numbers, splat(numbers.type, 4))]

    return types.int32(codes, types.intp, signed, types.intp), _dot(halves)


def _dot(parts: Any) -> Any:
    """Generates the inner product of what `parts` makes of the bytes with one int8 array after the other."""
    bytes_, sums = ir.VectorType(I8, STRIDE), ir.VectorType(I32, STRIDE // 4)
    wide = ir.VectorType(I32, STRIDE)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        numbers = builder.gep(address(context, builder, signature, arguments, 0), [arguments[1]])
        weights, count = address(context, builder, signature, arguments, 2), arguments[3]
        module = builder.module
        total = cgutils.alloca_once_value(builder, splat(sums if _SUMS_FOURS else wide, 0))
        with cgutils.for_range(builder, builder.udiv(count, I64(STRIDE))) as loop:
            offset = builder.mul(loop.index, I64(STRIDE))
            for place, part in enumerate(parts(builder, loaded(builder, builder.gep(numbers, [offset]), bytes_))):
                at = builder.add(offset, builder.mul(count, I64(place)))
                weight = loaded(builder, builder.gep(weights, [at]), bytes_)
                if _SUMS_FOURS:
                    kind = ir.FunctionType(sums, [sums, sums, sums])  # LLVM before 22 knows it by no other type
                    add = cgutils.get_or_insert_function(module, kind, "llvm.x86.avx512.vpdpbusd.256")
                    operands = [builder.bitcast(operand, sums) for operand in (part, weight)]
                    more = builder.call(add, [builder.load(total), *operands])
                else:
                    product = builder.mul(builder.zext(part, wide), builder.sext(weight, wide))
                    more = builder.add(builder.load(total), product)
                builder.store(more, total)
        summed = builder.load(total)
        kind = ir.FunctionType(I32, [summed.type])
        name = f"llvm.vector.reduce.add.v{summed.type.count}i32"
        return builder.call(cgutils.get_or_insert_function(module, kind, name), [summed])

    return generate


def address(context: Any, builder: Any, signature: Any, arguments: Any, place: int) -> Any:
    """The address of an array argument's first element."""
    return context.make_array(signature.args[place])(context, builder, arguments[place]).data


def loaded(builder: Any, pointer: Any, kind: Any) -> Any:
    """A vector from wherever it stands."""
    loaded = builder.load(builder.bitcast(pointer, kind.as_pointer()))
    loaded.align = 1
    return loaded


def splat(kind: Any, value: int) -> Any:
    """A constant vector with the value in all its places."""
    return ir.Constant(kind, [value] * kind.count)


def everywhere(builder: Any, kind: Any, value: Any) -> Any:
    """A vector of that kind with the value in all its places."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, I32(0))
    return builder.shuffle_vector(first, undefined, places([0] * kind.count))


def places(numbers: Any) -> Any:
    """A constant vector of 32-bit numbers, as shuffles take them."""
    numbers = list(numbers)
    return ir.Constant(ir.VectorType(I32, len(numbers)), numbers)
