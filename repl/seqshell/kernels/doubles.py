"""Vectors of 8 float64 for kernels in numba, read and written by address. Only `draws` imports this.

Only whole vectors are read and written, so the numbers need room for a multiple of 8.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from seqshell.kernels.lanes import INT, INT32, SUMS_AND_PRODUCTS, offer
from seqshell.kernels.scalars import DOUBLE, EXPONENT_BIAS, MANTISSA_BITS

LANES = 8
DOUBLES, INTS = ir.VectorType(DOUBLE, LANES), ir.VectorType(INT, LANES)


class Doubles(types.Type):  # type: ignore[misc]  # numba has no types
    """8 float64."""


doubles = Doubles("doubles")


@register_model(Doubles)
class DoublesModel(models.PrimitiveModel):  # type: ignore[misc]
    """A Doubles is one value of LLVM."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, DOUBLES)


for _symbol, _instruction in SUMS_AND_PRODUCTS:
    offer(_symbol, _instruction, doubles)


@intrinsic  # type: ignore[untyped-decorator]
def eight(context: Any, address: Any) -> Any:
    """The 8 float64 at an address."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], DOUBLES.as_pointer()), align=8)

    return doubles(types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def put_eight(context: Any, address: Any, value: Any) -> Any:
    """Write 8 float64 to an address."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[1], builder.inttoptr(args[0], DOUBLES.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(types.int64, doubles), lower


@intrinsic  # type: ignore[untyped-decorator]
def eight_times(context: Any, number: Any) -> Any:
    """A vector of one number."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        undefined = ir.Constant(DOUBLES, ir.Undefined)
        first = builder.insert_element(undefined, args[0], ir.Constant(INT32, 0))
        return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES))

    return doubles(types.float64), lower


@intrinsic  # type: ignore[untyped-decorator]
def where_above(context: Any, number: Any, border: Any, value: Any, other: Any) -> Any:
    """The lanes of `value` where those of `number` are above the border, and those of `other` elsewhere."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return doubles(doubles, doubles, doubles, doubles), lower


@intrinsic  # type: ignore[untyped-decorator]
def powers_of_two(context: Any, exponents: Any) -> Any:
    """2.0 ** exponent of each lane, whole numbers from -1022 to 1023."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        biased = builder.add(builder.fptosi(args[0], INTS), ir.Constant(INTS, [EXPONENT_BIAS] * LANES))
        return builder.bitcast(builder.shl(biased, ir.Constant(INTS, [MANTISSA_BITS] * LANES)), DOUBLES)

    return doubles(doubles), lower
