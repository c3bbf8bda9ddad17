"""Numbers in bf16, the upper 16 bits of a float32, and what only training computes. Only numba compiles this."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from seqshell.kernels.lanes import FLOATS, INT, INT32, INTS32, LANES, declared, vector

SHORTS = ir.VectorType(ir.IntType(16), LANES)


class BFloat(ir.Type):  # type: ignore[misc]  # llvmlite has no types
    """bfloat, which llvmlite does not have."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BFloat)

    def __hash__(self) -> int:
        return hash(BFloat)


HALVES = ir.VectorType(BFloat(), LANES)


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
    return types.void(types.int64, vector), _lowered(half=True, streamed=False)


@intrinsic  # type: ignore[untyped-decorator]
def stream_half(context: Any, address: Any, value: Any) -> Any:
    """The same past the cache, at a multiple of 32: for what is not read soon."""
    return types.void(types.int64, vector), _lowered(half=True, streamed=True)


@intrinsic  # type: ignore[untyped-decorator]
def stream(context: Any, address: Any, value: Any) -> Any:
    """Write a vector past the cache, at a multiple of 64."""
    return types.void(types.int64, vector), _lowered(half=False, streamed=True)


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(context: Any, address: Any) -> Any:
    """Ask for the 64 bytes at an address, which are read soon."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        ask = declared(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer.type, INT32, INT32, INT32])
        builder.call(ask, [pointer, *(ir.Constant(INT32, number) for number in (0, 2, 1))])
        return context.get_dummy_value()

    return types.void(types.int64), lower


def _lowered(half: bool, streamed: bool) -> Any:
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, kind = args[1], FLOATS
        if half:
            rounded = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(HALVES, [FLOATS]), "llvm.x86.avx512bf16.cvtneps2bf16.512"
            )
            value, kind = builder.bitcast(builder.call(rounded, [value]), SHORTS), SHORTS
        pointer = builder.inttoptr(args[0], kind.as_pointer())
        if streamed:
            written = builder.store(value, pointer, align=32 if half else 64)
            written.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(INT32, 1)]))
        else:
            builder.store(value, pointer, align=2 if half else 4)
        return context.get_dummy_value()

    return lower


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
def rough_reciprocal(context: Any, value: Any) -> Any:
    """1 / value within 2 to the power of -14, which takes a fifth of a division's time."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = ir.IntType(16)
        found = declared(builder, "llvm.x86.avx512.rcp14.ps.512", FLOATS, [FLOATS, FLOATS, bits])
        return builder.call(found, [args[0], ir.Constant(FLOATS, [0.0] * LANES), ir.Constant(bits, -1)])

    return vector(vector), lower
