"""Single numbers for kernels in numba, read and written by address, an int64. Only `draws` imports this."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

SINGLE, DOUBLE, INT = ir.FloatType(), ir.DoubleType(), ir.IntType(64)
EXPONENT_BIAS, MANTISSA_BITS = 1023, 52


@intrinsic  # type: ignore[untyped-decorator]
def float32_at(context: Any, address: Any) -> Any:
    """The float32 at an address, as a float64."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.fpext(builder.load(builder.inttoptr(args[0], SINGLE.as_pointer())), DOUBLE)

    return types.float64(types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def float64_at(context: Any, address: Any) -> Any:
    """The float64 at an address."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], DOUBLE.as_pointer()))

    return types.float64(types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def put_float64(context: Any, address: Any, number: Any) -> Any:
    """Write a float64 to an address."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[1], builder.inttoptr(args[0], DOUBLE.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.float64), lower


@intrinsic  # type: ignore[untyped-decorator]
def put_int64(context: Any, address: Any, number: Any) -> Any:
    """Write an int64 to an address."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[1], builder.inttoptr(args[0], INT.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), lower
