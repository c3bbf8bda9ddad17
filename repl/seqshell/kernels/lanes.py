"""Vectors of 16 float32 for kernels in numba, read and written by address. Only what numba compiles imports this.

numba vectorises loops over arrays, but not reliably those over matrices. With a type for a vector, a kernel says what
is computed at once. Nothing here is checked, so that the compiled code needs no library. An address is an int64.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 16
FLOAT, INT, INT32 = ir.FloatType(), ir.IntType(64), ir.IntType(32)
FLOATS = ir.VectorType(FLOAT, LANES)
INTS, INTS32 = ir.VectorType(INT, LANES), ir.VectorType(INT32, LANES)
MASK = ir.VectorType(ir.IntType(1), LANES)
LANE_NUMBERS = ir.Constant(INTS, list(range(LANES)))
CACHE_LINE = 64
# Rows whose sums are in registers at once: AVX-512 has 32 of a whole vector, where others have 16 of half or less.
TILE = 6 if binding.get_host_cpu_features().get("avx512f") else 1
FUSED = ("contract",)  # a product and a sum may be one instruction


class Vector(types.Type):  # type: ignore[misc]  # numba has no types
    """16 float32."""


vector = Vector("vector")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    """A Vector is one value of LLVM."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


def offer(symbol: Callable[..., Any], instruction: str, kind: Any) -> None:
    """Let `symbol` of two vectors of a kind be an instruction of LLVM."""

    @infer_global(symbol)
    class Arithmetic(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Sequence[Any], kws: Any) -> Any:
            return signature(kind, kind, kind) if tuple(args) == (kind, kind) else None

    @lower_builtin(symbol, kind, kind)  # type: ignore[untyped-decorator]
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args, flags=FUSED)


SUMS_AND_PRODUCTS = (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
)
for _symbol, _instruction in SUMS_AND_PRODUCTS:
    offer(_symbol, _instruction, vector)


@intrinsic  # type: ignore[untyped-decorator]
def word(context: Any, address: Any) -> Any:
    """The int64 at an address."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], INT.as_pointer()))

    return types.int64(types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def splat(context: Any, number: Any) -> Any:
    """A vector of one number."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return splatted(builder, args[0], FLOATS)

    return vector(types.float32), lower


@intrinsic  # type: ignore[untyped-decorator]
def load(context: Any, address: Any, number: Any) -> Any:
    """The first `number` floats at an address, then zeros; all 16 if `number` is larger."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], FLOATS.as_pointer())
        whole = builder.icmp_signed(">=", args[1], ir.Constant(INT, LANES))
        with builder.if_else(whole, likely=True) as (then, otherwise):
            with then:
                full = builder.load(pointer, align=4)
                first = builder.block
            with otherwise:
                read = declared(builder, "llvm.masked.load.v16f32.p0", FLOATS, [pointer.type, INT32, MASK, FLOATS])
                zeros = ir.Constant(FLOATS, [0.0] * LANES)
                partial = builder.call(read, [pointer, ir.Constant(INT32, 4), _mask(builder, args[1]), zeros])
                second = builder.block
        found = builder.phi(FLOATS)
        found.add_incoming(full, first)
        found.add_incoming(partial, second)
        return found

    return vector(types.int64, types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def store(context: Any, address: Any, value: Any, number: Any) -> Any:
    """Write the first `number` floats of a vector to an address; all 16 if `number` is larger."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], FLOATS.as_pointer())
        whole = builder.icmp_signed(">=", args[2], ir.Constant(INT, LANES))
        with builder.if_else(whole, likely=True) as (then, otherwise):
            with then:
                builder.store(args[1], pointer, align=4)
            with otherwise:
                write = declared(
                    builder, "llvm.masked.store.v16f32.p0", ir.VoidType(), [FLOATS, pointer.type, INT32, MASK]
                )
                builder.call(write, [args[1], pointer, ir.Constant(INT32, 4), _mask(builder, args[2])])
        return context.get_dummy_value()

    return types.void(types.int64, vector, types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def first_lanes(context: Any, value: Any, number: Any) -> Any:
    """The first `number` lanes of a vector, then zeros."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(_mask(builder, args[1]), args[0], ir.Constant(FLOATS, [0.0] * LANES))

    return vector(vector, types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def total(context: Any, value: Any) -> Any:
    """The sum of a vector's lanes, in every lane."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, step = args[0], LANES // 2
        while step:  # add the lane that is `step` further on, in a circle
            order = ir.Constant(ir.VectorType(INT32, LANES), [(lane + step) % LANES for lane in range(LANES)])
            value = builder.fadd(value, builder.shuffle_vector(value, value, order))
            step //= 2
        return value

    return vector(vector), lower


@intrinsic  # type: ignore[untyped-decorator]
def root(context: Any, value: Any) -> Any:
    """The square root of each lane."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.call(declared(builder, "llvm.sqrt.v16f32", FLOATS, [FLOATS]), args)

    return vector(vector), lower


@intrinsic  # type: ignore[untyped-decorator]
def clamp(context: Any, value: Any, low: Any, high: Any) -> Any:
    """Each lane between `low` and `high`; what is not a number stays so."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, low, high = args[0], splatted(builder, args[1], FLOATS), splatted(builder, args[2], FLOATS)
        value = builder.select(builder.fcmp_ordered("<", value, low), low, value)
        return builder.select(builder.fcmp_ordered(">", value, high), high, value)

    return vector(vector, types.float32, types.float32), lower


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
def power_of_two(context: Any, value: Any) -> Any:
    """2 to the power of each lane, whole numbers from -126 to 127."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole = builder.fptosi(args[0], INTS32)
        bits = builder.shl(builder.add(whole, ir.Constant(INTS32, [127] * LANES)), ir.Constant(INTS32, [23] * LANES))
        return builder.bitcast(bits, FLOATS)

    return vector(vector), lower


@intrinsic  # type: ignore[untyped-decorator]
def room(context: Any) -> Any:
    """The address of room for the sums of a tile: [TILE, 4, 16]."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        with builder.goto_entry_block():
            place = builder.alloca(FLOATS, TILE * 4)
            place.align = CACHE_LINE
        return builder.ptrtoint(place, INT)

    return types.int64(), lower


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def add_products(
    context: Any, width: Any, rows: Any, sums: Any, inputs: Any, row: Any, number: Any, weights: Any
) -> Any:
    """Add inputs @ weights to the sums [rows, 4, 16] of a tile, of which the first `width` vectors of a row take part.

    rows: 1 to TILE; inputs: `number` floats, every `row` bytes; weights: [number, width, 16].
    """

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.call(_product(builder.module, width.literal_value), args[1:])
        return context.get_dummy_value()

    integer = types.int64
    return types.void(width, integer, integer, integer, integer, integer, integer), lower


def _product(module: Any, width: int) -> Any:
    """A function of its own, so that a row's sums are the same in every kernel and among any other rows."""
    name = f"seqshell_product_{width}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [INT] * 6), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    sums, weights = (builder.inttoptr(function.args[place], FLOATS.as_pointer()) for place in (1, 5))
    end = function.append_basic_block("end")
    choice = builder.switch(function.args[0], end)
    for rows in range(1, TILE + 1):
        choice.add_case(ir.Constant(INT, rows), _tile_product(function, rows, width, sums, weights, end))
    ir.IRBuilder(end).ret_void()
    return function


def _tile_product(function: Any, rows: int, width: int, sums: Any, weights: Any, end: Any) -> Any:
    """The block of code that multiplies this number of rows, whose sums are in registers."""
    _, _, inputs, row, number, _ = function.args
    start, loop, done = (function.append_basic_block(f"{name}_{rows}") for name in ("start", "loop", "done"))
    builder = ir.IRBuilder(start)
    given = [
        builder.inttoptr(builder.add(inputs, builder.mul(row, ir.Constant(INT, each))), FLOAT.as_pointer())
        for each in range(rows)
    ]
    places = [builder.gep(sums, [ir.Constant(INT, 4 * each + lane)]) for each in range(rows) for lane in range(width)]
    before = [builder.load(place, align=CACHE_LINE) for place in places]
    builder.cbranch(builder.icmp_signed(">", number, ir.Constant(INT, 0)), loop, end)
    builder.position_at_end(loop)
    index, values = builder.phi(INT), [builder.phi(FLOATS) for _ in places]
    offset = builder.mul(index, ir.Constant(INT, width))
    block = [
        builder.load(builder.gep(weights, [builder.add(offset, ir.Constant(INT, lane))]), align=CACHE_LINE)
        for lane in range(width)
    ]
    ones = [splatted(builder, builder.load(builder.gep(each, [index]), align=4), FLOATS) for each in given]
    after = [
        builder.fadd(builder.fmul(ones[place // width], block[place % width], flags=FUSED), value, flags=FUSED)
        for place, value in enumerate(values)
    ]
    following = builder.add(index, ir.Constant(INT, 1))
    builder.cbranch(builder.icmp_signed("<", following, number), loop, done)
    for phi, first, later in zip((index, *values), (ir.Constant(INT, 0), *before), (following, *after), strict=True):
        phi.add_incoming(first, start)
        phi.add_incoming(later, loop)
    builder.position_at_end(done)
    for place, value in zip(places, after, strict=True):
        builder.store(value, place, align=CACHE_LINE)
    builder.branch(end)
    return start


def splatted(builder: Any, number: Any, kind: Any) -> Any:
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES))


def _mask(builder: Any, number: Any) -> Any:
    """True in the first `number` lanes."""
    return builder.icmp_signed("<", LANE_NUMBERS, splatted(builder, number, INTS))


def declared(builder: Any, name: str, result: Any, arguments: Sequence[Any]) -> Any:
    return builder.module.declare_intrinsic(name, (), ir.FunctionType(result, arguments))
