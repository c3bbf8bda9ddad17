"""What the kernels of all cells do: shares of the rows, products, and the gradients of states and inputs.

`half` is bf16 instead of float32. An address is an int64, a stride is in bytes.
"""

from __future__ import annotations

from seqshell.kernels.batches.numbers import load_half, rough_reciprocal, store_half, stream, stream_half
from seqshell.kernels.batches.products import (
    ROWS,
    product1,
    product1_half,
    product3,
    product3_half,
    product4,
    product4_half,
)
from seqshell.kernels.batches.words import BATCH, DELTA_STRIDE, SCRATCH, SHARES, WORD
from seqshell.kernels.functions import denominator, inlined, numerator, single
from seqshell.kernels.lanes import LANES, clamp, load, splat, store, word

SHARE = 2048  # bytes of a share's scratch
ZEROS = 1792  # where its zeros begin


@inlined
def get(call, index):
    return word(call + index * WORD)


@inlined
def tanh(x, half):
    """Without a division. half: within 2^-14."""
    x = clamp(x, single(-7.905311), single(7.905311))
    q = denominator(x)
    r = rough_reciprocal(q)
    if not half:  # a step of Newton's method
        r = r * (splat(single(2.0)) - q * r)
    return numerator(x) * r


@inlined
def sigmoid(x, half):
    return tanh(x * splat(single(0.5)), half) * splat(single(0.5)) + splat(single(0.5))


@inlined
def read(address, half):
    """16 numbers."""
    if half:
        return load_half(address)
    return load(address, LANES)


@inlined
def write(address, value, half):
    """Write 16 numbers."""
    if half:
        store_half(address, value)
    else:
        store(address, value, LANES)


@inlined
def keep(address, value, half):
    """Write 16 numbers that are not read soon, at a multiple of their bytes."""
    if half:
        stream_half(address, value)
    else:
        stream(address, value)


@inlined
def add_to(address, value):
    """Add 16 float32 to those at an address."""
    store(address, load(address, LANES) + value, LANES)


@inlined
def first_row(call, share):
    """The first row of a share; that of share + 1 is the end."""
    return get(call, BATCH) * share // get(call, SHARES)


@inlined
def num_parts(begin, end):
    """The number of parts of the rows, each of which is one product."""
    return (end - begin + ROWS - 1) // ROWS


@inlined
def part_row(begin, end, part):
    """The first row of a part."""
    return begin + (end - begin) * part // num_parts(begin, end)


@inlined
def token_row(tokens, row, size):
    """Where the numbers of a row's token begin, in bytes; size: of a token's float32."""
    if tokens == 0:
        return 0
    return word(tokens + row * WORD) * size * 4


@inlined
def first_sums(tokens, low, rows, size, bias, lanes, scratch):
    """Write what the sums of some rows begin with: `lanes` vectors of the biases, of their tokens if there are."""
    for row in range(rows):
        here = bias + token_row(tokens, low + row, size)
        for lane in range(lanes):
            store(scratch + row * 256 + lane * 64, load(here + lane * 64, LANES), LANES)


@inlined
def multiply4(half, rows, a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride):
    if half:
        product4_half(
            rows, a, a_stride, a_size // 2, b, b_stride, b_size // 2, weights, start, start_stride, out, out_stride
        )
    else:
        product4(rows, a, a_stride, a_size, b, b_stride, b_size, weights, start, start_stride, out, out_stride)


@inlined
def multiply3(half, rows, a, a_stride, a_size, weights, start, start_stride, out, out_stride):
    if half:
        product3_half(rows, a, a_stride, a_size // 2, a, 0, 0, weights, start, start_stride, out, out_stride)
    else:
        product3(rows, a, a_stride, a_size, a, 0, 0, weights, start, start_stride, out, out_stride)


@inlined
def multiply1(half, rows, a, a_stride, a_size, weights, start, start_stride, out, out_stride):
    if half:
        product1_half(rows, a, a_stride, a_size // 2, a, 0, 0, weights, start, start_stride, out, out_stride)
    else:
        product1(rows, a, a_stride, a_size, a, 0, 0, weights, start, start_stride, out, out_stride)


@inlined
def multiply_back(call, half, share, delta, size, weights, columns, begins, out):
    """out [B, columns] = delta [rows, size] @ weights, in blocks of 64 columns, for the rows of a share; it is added to
    what is in `out` if `begins`. Returns the end of the weights."""
    begin, end = first_row(call, share), first_row(call, share + 1)
    number = 2 if half else 4
    zeros = get(call, SCRATCH) + share * SHARE + ZEROS
    stride, row_bytes = columns * 4, get(call, DELTA_STRIDE)
    for block in range(columns // 64):
        for part in range(num_parts(begin, end)):
            row = part_row(begin, end, part)
            rows = part_row(begin, end, part + 1) - row
            here = out + row * stride + block * 256
            start, start_stride = (here, stride) if begins else (zeros, 0)
            rows_of = delta + (row - begin) * row_bytes
            multiply4(half, rows, rows_of, row_bytes, size, delta, 0, 0, weights, start, start_stride, here, stride)
        weights += size * 64 * number
    return weights
