"""Products of one row with weights in bf16 or int8, a half or a quarter of the bytes of float32. Sums are float32.

A word of 32 bits has the weights of 2 rows (bf16) or 4 rows (int8), the first in the lowest bits. A block of weights is
[number / 2 or 4, width, 16] words; int8 has then the scales of its columns, [width, 16] float32, and the sums of its
columns times -128, [width, 16] int32 (`rounding` makes them). The inputs are prepared once for all blocks: they are
filled with zeros, and turned into integers of 15 bits where the processor adds products of bytes (VNNI), which read
three times as many weights in the same time: x = scale * (128 * high + low).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from seqshell.kernels.lanes import CACHE_LINE, FLOAT, FLOATS, FUSED, INT, INT32, LANES, declared, splatted
from seqshell.kernels.layout import BF16, INT8

BYTE = ir.IntType(8)
WORDS = ir.VectorType(INT32, LANES)
HAS_DOTS = bool(binding.get_host_cpu_features().get("avx512vnni"))
MOST = 16383  # of the integers
HEADER = 64  # bytes before prepared inputs; the first four are the scale
ZEROS = ir.Constant(FLOATS, [0.0] * LANES)


@intrinsic  # type: ignore[untyped-decorator]
def room_for(context: Any, number: Any) -> Any:
    """The address of room for so many prepared inputs, as long as the function runs."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = builder.add(builder.mul(args[0], _int(4)), _int(2 * HEADER))
        place = builder.alloca(BYTE, size)
        place.align = CACHE_LINE
        return builder.ptrtoint(place, INT)

    return types.int64(types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def prepare(context: Any, precision: Any, place: Any, inputs: Any, number: Any) -> Any:
    """Write what `add_narrow_product` reads of `number` floats."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        precision, *rest = args
        is_whole = builder.icmp_signed("==", precision, _int(INT8)) if HAS_DOTS else ir.Constant(ir.IntType(1), 0)
        with builder.if_else(is_whole) as (then, otherwise):
            with then:
                builder.call(_function(builder.module, "integers", 3, _write_integers), rest)
            with otherwise:
                builder.call(_function(builder.module, "copy", 3, _copy), rest)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), lower


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def add_narrow_product(
    context: Any, width: Any, precision: Any, sums: Any, prepared: Any, number: Any, weights: Any
) -> Any:
    """Add inputs @ weights to the first `width` vectors of the sums [4, 16]. number: of the inputs."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        with builder.if_else(builder.icmp_signed("==", args[1], _int(BF16))) as (then, otherwise):
            for block, kind in ((then, BF16), (otherwise, INT8)):
                with block:
                    write = _dots if kind == INT8 and HAS_DOTS else _products
                    name = f"narrow_{kind}_{width.literal_value}"
                    made = _function(builder.module, name, 4, write, width.literal_value, kind)
                    builder.call(made, args[2:])
        return context.get_dummy_value()

    return types.void(width, *[types.int64] * 5), lower


def _function(module: Any, name: str, arguments: int, write: Any, *options: int) -> Any:
    """A function of its own, which all kernels call."""
    name = f"seqshell_part_{name}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [INT] * arguments), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    write(builder, *function.args, *options)
    builder.ret_void()
    return function


def _loop(builder: Any, number: Any, begin: Sequence[Any], body: Any) -> list[Any]:
    """Run `body(builder, index, values)`, which returns the next values, `number` times. Returns the last ones."""
    start, loop, end = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
    builder.cbranch(builder.icmp_signed(">", number, _int(0)), loop, end)
    builder.position_at_end(loop)
    index, values = builder.phi(INT), [builder.phi(value.type) for value in begin]
    after = body(builder, index, values)
    following = builder.add(index, _int(1))
    builder.cbranch(builder.icmp_signed("<", following, number), loop, end)
    index.add_incoming(_int(0), start)
    index.add_incoming(following, loop)
    builder.position_at_end(end)
    ends = [builder.phi(value.type) for value in begin]
    for value, last, first, later in zip(values, ends, begin, after, strict=True):
        value.add_incoming(first, start)
        value.add_incoming(later, loop)
        last.add_incoming(first, start)
        last.add_incoming(later, loop)
    return ends


def _copy(builder: Any, place: Any, inputs: Any, number: Any) -> None:
    """Write the floats, and three zeros after them."""
    source = builder.inttoptr(inputs, FLOAT.as_pointer())
    target = builder.inttoptr(builder.add(place, _int(HEADER)), FLOAT.as_pointer())

    def one(builder: Any, index: Any, values: Any) -> list[Any]:
        builder.store(builder.load(builder.gep(source, [index]), align=4), builder.gep(target, [index]), align=4)
        return []

    _loop(builder, number, [], one)
    for after in range(3):
        builder.store(ir.Constant(FLOAT, 0.0), builder.gep(target, [builder.add(number, _int(after))]), align=4)


def _write_integers(builder: Any, place: Any, inputs: Any, number: Any) -> None:
    """Write the scale, the upper bytes plus 128 and the lower 7 bits of the integers. A number that is not finite makes
    the scale one.
    """
    source, zero = builder.inttoptr(inputs, FLOAT.as_pointer()), ir.Constant(FLOAT, 0.0)
    module, any_order = builder.module, ("reassoc", "nsz")
    unary = ir.FunctionType(FLOAT, [FLOAT])
    absolute, nearest = (module.declare_intrinsic(f"llvm.{name}.f32", (), unary) for name in ("fabs", "rint"))

    def largest(builder: Any, index: Any, values: Any) -> list[Any]:
        x = builder.load(builder.gep(source, [index]), align=4)
        size = builder.call(absolute, [x])
        most = builder.select(builder.fcmp_ordered(">", size, values[0], flags=("nnan", "nsz")), size, values[0])
        return [most, builder.fadd(values[1], builder.fmul(x, zero), flags=any_order)]

    most, unusual = _loop(builder, number, [zero, zero], largest)
    builder.store(
        builder.fadd(builder.fdiv(most, ir.Constant(FLOAT, MOST)), unusual),
        builder.inttoptr(place, FLOAT.as_pointer()),
        align=4,
    )
    inverse = builder.fdiv(ir.Constant(FLOAT, MOST), most)
    is_normal = builder.fcmp_ordered("<", inverse, ir.Constant(FLOAT, float("inf")))
    inverse = builder.select(is_normal, inverse, zero)
    high = builder.inttoptr(builder.add(place, _int(HEADER)), BYTE.as_pointer())
    low = builder.gep(high, [_filled(builder, number, 4)])

    def one(builder: Any, index: Any, values: Any) -> list[Any]:
        x = builder.load(builder.gep(source, [index]), align=4)
        whole = builder.call(nearest, [builder.fmul(x, inverse)])
        whole = builder.call(_saturating(module), [whole])
        upper = builder.add(builder.ashr(whole, ir.Constant(INT32, 7)), ir.Constant(INT32, 128))
        builder.store(builder.trunc(upper, BYTE), builder.gep(high, [index]))
        builder.store(builder.trunc(builder.and_(whole, ir.Constant(INT32, 127)), BYTE), builder.gep(low, [index]))
        return []

    _loop(builder, number, [], one)


def _saturating(module: Any) -> Any:
    """From a float to an integer, whatever the float is."""
    return module.declare_intrinsic("llvm.fptosi.sat.i32.f32", (), ir.FunctionType(INT32, [FLOAT]))


def _dots(builder: Any, sums: Any, prepared: Any, number: Any, weights: Any, width: int, kind: int) -> None:
    """int8 with integers as inputs."""
    dot = declared(builder, "llvm.x86.avx512.vpdpbusd.512", WORDS, [WORDS, WORDS, WORDS])
    words = builder.inttoptr(weights, WORDS.as_pointer())
    groups = builder.sdiv(_filled(builder, number, 4), _int(4))
    after = builder.mul(groups, _int(width))  # vectors before the scales
    high = builder.inttoptr(builder.add(prepared, _int(HEADER)), INT32.as_pointer())
    low = builder.gep(high, [groups])
    offsets = [
        builder.load(builder.gep(words, [builder.add(after, _int(width + lane))]), align=CACHE_LINE)
        for lane in range(width)
    ]
    nothing = [ir.Constant(WORDS, [0] * LANES)] * width

    def group(builder: Any, index: Any, values: Any) -> list[Any]:
        upper, lower = (
            splatted(builder, builder.load(builder.gep(each, [index]), align=4), WORDS) for each in (high, low)
        )
        row, found = builder.mul(index, _int(width)), []
        block = [
            builder.load(builder.gep(words, [builder.add(row, _int(lane))]), align=CACHE_LINE) for lane in range(width)
        ]
        for each, inputs in enumerate((upper, lower)):
            found += [builder.call(dot, [values[each * width + lane], inputs, block[lane]]) for lane in range(width)]
        return found

    found = [builder.sitofp(value, FLOATS) for value in _loop(builder, groups, [*offsets, *nothing], group)]
    scale = splatted(builder, builder.load(builder.inttoptr(prepared, FLOAT.as_pointer()), align=4), FLOATS)
    factor = ir.Constant(FLOATS, [128.0] * LANES)
    values = [
        builder.fmul(
            builder.fadd(builder.fmul(found[lane], factor, flags=FUSED), found[width + lane], flags=FUSED), scale
        )
        for lane in range(width)
    ]
    _add(builder, sums, values, _scales(builder, words, after, width))


def _products(builder: Any, sums: Any, prepared: Any, number: Any, weights: Any, width: int, kind: int) -> None:
    """bf16, and int8 with floats as inputs."""
    per_word = 2 if kind == BF16 else 4
    words = builder.inttoptr(weights, WORDS.as_pointer())
    groups = builder.sdiv(_filled(builder, number, per_word), _int(per_word))
    inputs = builder.inttoptr(builder.add(prepared, _int(HEADER)), FLOAT.as_pointer())

    def group(builder: Any, index: Any, values: Any) -> list[Any]:
        row, first, found = builder.mul(index, _int(width)), builder.mul(index, _int(per_word)), list(values)
        block = [
            builder.load(builder.gep(words, [builder.add(row, _int(lane))]), align=CACHE_LINE) for lane in range(width)
        ]
        for part in range(per_word):
            place = builder.gep(inputs, [builder.add(first, _int(part))])
            one = splatted(builder, builder.load(place, align=4), FLOATS)
            for lane in range(width):
                product = builder.fmul(one, _part(builder, block[lane], part, kind), flags=FUSED)
                found[lane] = builder.fadd(product, found[lane], flags=FUSED)
        return found

    found = _loop(builder, groups, [ZEROS] * width, group)
    scales = _scales(builder, words, builder.mul(groups, _int(width)), width) if kind == INT8 else None
    _add(builder, sums, found, scales)


def _part(builder: Any, words: Any, part: int, kind: int) -> Any:
    """The weights of one row as floats."""

    def bits(number: int) -> Any:
        return ir.Constant(WORDS, [number] * LANES)

    if kind == BF16:
        upper = builder.and_(words, bits(0xFFFF0000)) if part else builder.shl(words, bits(16))
        return builder.bitcast(upper, FLOATS)
    return builder.sitofp(builder.ashr(builder.shl(words, bits(24 - 8 * part)), bits(24)), FLOATS)


def _scales(builder: Any, words: Any, after: Any, width: int) -> list[Any]:
    """The scales of the columns, which are `after` so many vectors."""
    return [
        builder.bitcast(builder.load(builder.gep(words, [builder.add(after, _int(lane))]), align=CACHE_LINE), FLOATS)
        for lane in range(width)
    ]


def _add(builder: Any, sums: Any, values: Sequence[Any], scales: Sequence[Any] | None) -> None:
    """Add the values, times the scales, to the sums in memory."""
    sums = builder.inttoptr(sums, FLOATS.as_pointer())
    for lane, value in enumerate(values):
        place = builder.gep(sums, [_int(lane)])
        scaled = value if scales is None else builder.fmul(value, scales[lane], flags=FUSED)
        builder.store(builder.fadd(builder.load(place, align=CACHE_LINE), scaled, flags=FUSED), place, align=CACHE_LINE)


def _filled(builder: Any, number: Any, per_word: int) -> Any:
    """The number, rounded up to whole words."""
    return builder.and_(builder.add(number, _int(per_word - 1)), _int(-per_word))


def _int(number: int) -> Any:
    return ir.Constant(INT, number)
