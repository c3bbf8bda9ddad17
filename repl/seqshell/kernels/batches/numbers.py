"""Numbers in bf16, which has the upper 16 bits of a float32, and functions of kernels. Only numba compiles this."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from seqshell.kernels.lanes import FLOATS, INT, INT32, LANES, vector

SHORTS, INTS32 = ir.VectorType(ir.IntType(16), LANES), ir.VectorType(INT32, LANES)


def function(python: Any) -> Any:
    """A function that kernels call."""
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(python)


def inlined(python: Any) -> Any:
    """A function that becomes part of those that call it."""
    return njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(python)


@intrinsic  # type: ignore[untyped-decorator]
def load_half(context: Any, address: Any) -> Any:
    """The 16 bf16 at an address."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        found = builder.load(builder.inttoptr(args[0], SHORTS.as_pointer()), align=2)
        bits = builder.shl(builder.zext(found, INTS32), ir.Constant(INTS32, [16] * LANES))
        return builder.bitcast(bits, FLOATS)

    return vector(types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def store_half(context: Any, address: Any, value: Any) -> Any:
    """Write a vector as bf16, rounded to the nearest, at an address."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def of(number: int) -> Any:
            return ir.Constant(INTS32, [number] * LANES)

        bits = builder.bitcast(args[1], INTS32)
        odd = builder.and_(builder.lshr(bits, of(16)), of(1))
        rounded = builder.lshr(builder.add(bits, builder.add(odd, of(0x7FFF))), of(16))
        rounded = builder.select(builder.fcmp_unordered("uno", args[1], args[1]), of(0x7FC0), rounded)
        builder.store(builder.trunc(rounded, SHORTS), builder.inttoptr(args[0], SHORTS.as_pointer()), align=2)
        return context.get_dummy_value()

    return types.void(types.int64, vector), lower


@intrinsic  # type: ignore[untyped-decorator]
def take_number(context: Any, address: Any) -> Any:
    """The int64 at an address, which becomes one more: each of several threads gets another number."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], INT.as_pointer())
        return builder.atomic_rmw("add", pointer, ir.Constant(INT, 1), "monotonic")

    return types.int64(types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def store_pairs(context: Any, address: Any, first: Any, second: Any) -> Any:
    """Write 16 pairs of bf16, of which two addresses have the first and the second numbers."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        low, high = (
            builder.zext(builder.load(builder.inttoptr(each, SHORTS.as_pointer()), align=2), INTS32)
            for each in args[1:]
        )
        pairs = builder.or_(low, builder.shl(high, ir.Constant(INTS32, [16] * LANES)))
        builder.store(pairs, builder.inttoptr(args[0], INTS32.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def larger(context: Any, one: Any, other: Any) -> Any:
    """The larger of both numbers in each lane."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return vector(vector, vector), lower


@intrinsic  # type: ignore[untyped-decorator]
def largest(context: Any, value: Any) -> Any:
    """The largest of a vector's lanes, in every lane."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, step = args[0], LANES // 2
        while step:  # compare with the lane that is `step` further on, in a circle
            order = ir.Constant(ir.VectorType(INT32, LANES), [(lane + step) % LANES for lane in range(LANES)])
            turned = builder.shuffle_vector(value, value, order)
            value = builder.select(builder.fcmp_ordered(">", turned, value), turned, value)
            step //= 2
        return value

    return vector(vector), lower


@intrinsic  # type: ignore[untyped-decorator]
def nearest(context: Any, value: Any) -> Any:
    """Each lane rounded to a whole number."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(FLOATS, [FLOATS])
        return builder.call(builder.module.declare_intrinsic("llvm.rint.v16f32", (), kind), args)

    return vector(vector), lower


@intrinsic  # type: ignore[untyped-decorator]
def power_of_two(context: Any, value: Any) -> Any:
    """2 to the power of each lane, whole numbers from -126 to 127."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole = builder.fptosi(args[0], INTS32)
        bits = builder.shl(builder.add(whole, ir.Constant(INTS32, [127] * LANES)), ir.Constant(INTS32, [23] * LANES))
        return builder.bitcast(bits, FLOATS)

    return vector(vector), lower
