"""Products of a few rows with packed weights, whose sums stay in registers, in float32 or bf16, compiled by numba.

An address is an int64, a stride is in bytes. In bf16 two inputs are multiplied and added at once, so they come in
pairs: [rows, K / 2, 2] with weights [K / 2, width, 16, 2]; the sums are float32. The processor needs AVX-512, for bf16
with its extension BF16.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from seqshell.kernels.batches.numbers import BFloat
from seqshell.kernels.functions import called
from seqshell.kernels.lanes import FLOAT, FLOATS, FUSED, INT, INT32, LANES

ROWS = 6  # at most, in one product: with 4 vectors each, 24 sums, which leaves 8 of 32 registers
BYTES = 64  # of a vector


PAIRS = ir.VectorType(BFloat(), 2 * LANES)


def _product(rows: int, width: int, half: bool) -> Any:
    """The intrinsic for a fixed number of rows and vectors per row."""

    @intrinsic  # type: ignore[untyped-decorator]
    def product(
        context: Any,
        first: Any,
        first_stride: Any,
        first_size: Any,
        second: Any,
        second_stride: Any,
        second_size: Any,
        weights: Any,
        start: Any,
        start_stride: Any,
        out: Any,
        out_stride: Any,
    ) -> Any:
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            first, first_stride, first_size, second, second_stride, second_size, weights, *ends = args
            start, start_stride, out, out_stride = ends
            sums = _load(builder, rows, width, start, start_stride)
            step, row_bytes = ir.Constant(INT, 4), ir.Constant(INT, BYTES * width)
            _add(builder, sums, first, first_stride, step, first_size, weights, row_bytes, half)
            weights = builder.add(weights, builder.mul(first_size, row_bytes))
            _add(builder, sums, second, second_stride, step, second_size, weights, row_bytes, half)
            _store(builder, sums, out, out_stride)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 11), lower

    return product


def _transposed_product(rows: int, half: bool) -> Any:
    """The intrinsic for out += a.T @ b; a: [K, rows] and b: [K, 64], with strides between their rows."""

    @intrinsic  # type: ignore[untyped-decorator]
    def product(
        context: Any, a: Any, a_stride: Any, b: Any, b_stride: Any, size: Any, out: Any, out_stride: Any
    ) -> Any:
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            a, a_stride, b, b_stride, size, out, out_stride = args
            sums = _load(builder, rows, 4, out, out_stride)
            _add(builder, sums, a, ir.Constant(INT, 4), a_stride, size, b, b_stride, half)
            _store(builder, sums, out, out_stride)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7), lower

    return product


def _at(builder: Any, base: Any, stride: Any, row: int, offset: Any = 0) -> Any:
    """The address base + row * stride + offset."""
    offset = ir.Constant(INT, offset) if isinstance(offset, int) else offset
    return builder.add(builder.add(base, builder.mul(stride, ir.Constant(INT, row))), offset)


def _load(builder: Any, rows: int, width: int, address: Any, stride: Any) -> list[list[Any]]:
    """Variables for the sums, with the values at an address."""
    sums = [[cgutils.alloca_once(builder, FLOATS) for _ in range(width)] for _ in range(rows)]
    for row, lanes in enumerate(sums):
        for lane, variable in enumerate(lanes):
            where = builder.inttoptr(_at(builder, address, stride, row, BYTES * lane), FLOATS.as_pointer())
            builder.store(builder.load(where, align=4), variable)
    return sums


def _store(builder: Any, sums: list[list[Any]], address: Any, stride: Any) -> None:
    for row, lanes in enumerate(sums):
        for lane, variable in enumerate(lanes):
            where = builder.inttoptr(_at(builder, address, stride, row, BYTES * lane), FLOATS.as_pointer())
            builder.store(builder.load(variable), where, align=4)


def _add(
    builder: Any,
    sums: list[list[Any]],
    inputs: Any,
    stride: Any,
    step: Any,
    size: Any,
    weights: Any,
    weight_step: Any,
    half: bool,
) -> None:
    """Add products: input k of a row is at inputs + row * stride + k * step, the weights of k at weight_step * k."""
    with cgutils.for_range(builder, size, intp=INT) as loop:
        offset, here = builder.mul(loop.index, step), builder.add(weights, builder.mul(loop.index, weight_step))
        columns = [
            builder.load(
                builder.inttoptr(_at(builder, here, ir.Constant(INT, BYTES), lane), FLOATS.as_pointer()), align=4
            )
            for lane in range(len(sums[0]))
        ]
        for row, lanes in enumerate(sums):
            pointer = builder.inttoptr(_at(builder, inputs, stride, row, offset), FLOAT.as_pointer())
            one = _splat(builder, builder.load(pointer, align=4))
            for column, variable in zip(columns, lanes, strict=True):
                builder.store(_fused(builder, one, column, builder.load(variable), half), variable)


def _splat(builder: Any, number: Any) -> Any:
    undefined = ir.Constant(FLOATS, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES))


def _fused(builder: Any, one: Any, weight: Any, old: Any, half: bool) -> Any:
    """old + one * weight; in bf16 the two products of each pair."""
    if not half:
        return builder.fadd(builder.fmul(one, weight, flags=FUSED), old, flags=FUSED)
    kind = ir.FunctionType(FLOATS, [FLOATS, PAIRS, PAIRS])
    dot = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512bf16.dpbf16ps.512")
    return builder.call(dot, [old, builder.bitcast(one, PAIRS), builder.bitcast(weight, PAIRS)])


_1x4, _2x4, _3x4, _4x4, _5x4, _6x4 = (_product(rows, 4, False) for rows in range(1, ROWS + 1))
_1x3, _2x3, _3x3, _4x3, _5x3, _6x3 = (_product(rows, 3, False) for rows in range(1, ROWS + 1))
_1x4_half, _2x4_half, _3x4_half, _4x4_half, _5x4_half, _6x4_half = (
    _product(rows, 4, True) for rows in range(1, ROWS + 1)
)
_1x3_half, _2x3_half, _3x3_half, _4x3_half, _5x3_half, _6x3_half = (
    _product(rows, 3, True) for rows in range(1, ROWS + 1)
)
_1x1, _2x1, _3x1, _4x1, _5x1, _6x1 = (_product(rows, 1, False) for rows in range(1, ROWS + 1))
_1x1_half, _2x1_half, _3x1_half, _4x1_half, _5x1_half, _6x1_half = (
    _product(rows, 1, True) for rows in range(1, ROWS + 1)
)


_1t, _2t, _3t, _4t, _5t, _6t = (_transposed_product(rows, False) for rows in range(1, ROWS + 1))
_1t_half, _2t_half, _3t_half, _4t_half, _5t_half, _6t_half = (
    _transposed_product(rows, True) for rows in range(1, ROWS + 1)
)


@called
def product4(rows, a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride):
    """out = start + [a, b] @ weights for up to 6 rows of 4 vectors; sizes in inputs."""
    if rows == 6:
        _6x4(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 5:
        _5x4(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 4:
        _4x4(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 3:
        _3x4(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 2:
        _2x4(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 1:
        _1x4(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)


@called
def product4_half(rows, a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride):
    """out = start + [a, b] @ weights for up to 6 rows of 4 vectors; sizes in pairs."""
    if rows == 6:
        _6x4_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 5:
        _5x4_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 4:
        _4x4_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 3:
        _3x4_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 2:
        _2x4_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 1:
        _1x4_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)


@called
def product3(rows, a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride):
    """out = start + [a, b] @ weights for up to 6 rows of 3 vectors; sizes in inputs."""
    if rows == 6:
        _6x3(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 5:
        _5x3(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 4:
        _4x3(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 3:
        _3x3(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 2:
        _2x3(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 1:
        _1x3(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)


@called
def product3_half(rows, a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride):
    """out = start + [a, b] @ weights for up to 6 rows of 3 vectors; sizes in pairs."""
    if rows == 6:
        _6x3_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 5:
        _5x3_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 4:
        _4x3_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 3:
        _3x3_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 2:
        _2x3_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 1:
        _1x3_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)


@called
def product1(rows, a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride):
    """out = start + [a, b] @ weights for up to 6 rows of 1 vector; sizes in inputs."""
    if rows == 6:
        _6x1(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 5:
        _5x1(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 4:
        _4x1(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 3:
        _3x1(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 2:
        _2x1(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 1:
        _1x1(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)


@called
def product1_half(rows, a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride):
    """out = start + [a, b] @ weights for up to 6 rows of 1 vector; sizes in pairs."""
    if rows == 6:
        _6x1_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 5:
        _5x1_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 4:
        _4x1_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 3:
        _3x1_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 2:
        _2x1_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)
    elif rows == 1:
        _1x1_half(a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)


@called
def transposed_product(rows, a, a_stride, b, b_stride, size, out, out_stride):
    """out += a.T @ b for up to 6 rows of 64 numbers; size: the number of rows of a and b."""
    if rows == 6:
        _6t(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 5:
        _5t(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 4:
        _4t(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 3:
        _3t(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 2:
        _2t(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 1:
        _1t(a, a_stride, b, b_stride, size, out, out_stride)


@called
def transposed_product_half(rows, a, a_stride, b, b_stride, size, out, out_stride):
    """out += a.T @ b for up to 6 rows of 64 numbers; size: the number of pairs of rows of a and b."""
    if rows == 6:
        _6t_half(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 5:
        _5t_half(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 4:
        _4t_half(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 3:
        _3t_half(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 2:
        _2t_half(a, a_stride, b, b_stride, size, out, out_stride)
    elif rows == 1:
        _1t_half(a, a_stride, b, b_stride, size, out, out_stride)
