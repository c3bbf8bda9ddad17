"""The kernels that draw tokens: the rules of samplers on the logits of one row, and blocks of steps between draws.

Numbers are float64, as in `seqshell.core.shortlist`, whose rules these are. Sums of probabilities are not exact to the
last bit. Where that might decide what is kept or drawn, the kernel draws nothing, and numpy draws instead: so a kernel
never draws another token than numpy. x: the logits [V] of the tokens that are left, -inf for the others.
"""

from __future__ import annotations

import numpy as np

from seqshell.kernels.doubles import eight, eight_times, powers_of_two, put_eight, where_above
from seqshell.kernels.functions import inlined
from seqshell.kernels.lanes import word
from seqshell.kernels.layout import (
    ALL_AFTER,
    ALL_LOGITS,
    BLOCK_OUTPUTS,
    DEPTH,
    DIVIDE,
    EXCLUDE,
    GIVEN,
    KEEP_BEST,
    KEEP_MASS,
    KEEP_NEAR,
    MODEL,
    NUM_OUTPUTS,
    NUM_RULES,
    NUM_TOKENS,
    NUMBERS,
    RULES,
    SCRATCH,
    SIZE,
    STATE,
    TABLE,
    TABLE_ROW,
    TOKENS,
    WORD,
)
from seqshell.kernels.scalars import float32_at, float64_at, put_float64, put_int64
from seqshell.kernels.steps import array, model_step

MARGIN = 1e-9  # as in seqshell.core.shortlist
ALIKE = 1e-12  # relative; weights that differ by less may be equal in numpy
LOG2 = 1.4426950408889634  # 1 / log(2)
ROUNDS = 6755399441055744.0  # 1.5 * 2 ** 52: what is added to it is rounded to a whole number
HIGH, LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # log(2) in two parts


@inlined
def exponentials(x):
    """exp(x) of 8 numbers x <= 0, within 1e-14 of it; 0 below -700."""
    lowest, magic = eight_times(-700.0), eight_times(ROUNDS)
    bounded = where_above(x, lowest, x, lowest)
    k = bounded * eight_times(LOG2) + magic - magic
    r = (bounded - k * eight_times(HIGH)) - k * eight_times(LOW)
    p = eight_times(1.0 / 6227020800.0)
    p = p * r + eight_times(1.0 / 479001600.0)
    p = p * r + eight_times(1.0 / 39916800.0)
    p = p * r + eight_times(1.0 / 3628800.0)
    p = p * r + eight_times(1.0 / 362880.0)
    p = p * r + eight_times(1.0 / 40320.0)
    p = p * r + eight_times(1.0 / 5040.0)
    p = p * r + eight_times(1.0 / 720.0)
    p = p * r + eight_times(1.0 / 120.0)
    p = p * r + eight_times(1.0 / 24.0)
    p = p * r + eight_times(1.0 / 6.0)
    p = p * r + eight_times(0.5)
    p = p * r + eight_times(1.0)
    p = p * r + eight_times(1.0)
    return where_above(x, lowest, p * powers_of_two(k), eight_times(0.0))


@inlined
def weigh(numbers, size, best, weights):
    """Write exp(number - best) of each number, and return their sum."""
    for index in range(0, size, 8):
        put_eight(weights + 8 * index, exponentials(eight(numbers + 8 * index) - eight_times(best)))
    total = 0.0
    for index in range(size):
        total += float64_at(weights + 8 * index)
    return total


@inlined
def divide(numbers, size, divisor):
    """Divide numbers."""
    for index in range(0, size, 8):
        put_eight(numbers + 8 * index, eight(numbers + 8 * index) / eight_times(divisor))


@inlined
def sort(x, size, falling):
    """Write the numbers of x to `falling`, the largest first (Shell 1959)."""
    for index in range(size):
        put_float64(falling + 8 * index, float64_at(x + 8 * index))
    gap = 1
    while gap < size // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for index in range(gap, size):
            number = float64_at(falling + 8 * index)
            place = index
            while place >= gap and float64_at(falling + 8 * (place - gap)) < number:
                put_float64(falling + 8 * place, float64_at(falling + 8 * (place - gap)))
                place -= gap
            put_float64(falling + 8 * place, number)
        gap //= 3


@inlined
def remove_below(x, size, border):
    """Replace the numbers below the border by -inf."""
    for index in range(size):
        if float64_at(x + 8 * index) < border:
            put_float64(x + 8 * index, -np.inf)


@inlined
def end_of_equals(falling, start, left):
    """The index after those that equal the one at `start`."""
    number = float64_at(falling + 8 * start)
    while start < left and float64_at(falling + 8 * start) == number:
        start += 1
    return start


@inlined
def mass(falling, left, best, share, weights):
    """How many of the first `left` numbers have this share of the probability; 0 if it is not certain."""
    total = weigh(falling, left, best, weights)
    wanted, margin = share * total, MARGIN * share * total
    reached = 0.0
    end = 0
    while end < left:
        start = end
        end = end_of_equals(falling, start, left)
        weight = float64_at(weights + 8 * start)
        reached += (end - start) * weight
        if reached > wanted + margin:
            return 0 if end < left and float64_at(weights + 8 * end) >= weight * (1.0 - ALIKE) else end
        if not reached < wanted - margin:
            return 0
    return 0


@inlined
def drawn(x, size, best, number):
    """The id that a number in [0, 1) draws; -1 if it is not certain. Overwrites x with the weights."""
    if not number > 0.0:  # tokens with a probability of 0 in float64 come into question
        return -1
    total = weigh(x, size, best, x)
    wanted, margin = number * total, MARGIN * total
    reached = 0.0
    for index in range(size):
        last = reached
        reached += float64_at(x + 8 * index)
        if reached > wanted + margin:
            return -1 if last > 0.0 and not last < wanted - margin else index
    return -1


@inlined
def draw(logits, size, rules, num_rules, number, x):
    """The id that a number in [0, 1) draws from logits [V] after rules; -1 if it is not certain.

    rules: [num_rules, 2], a kind and its number. x: room for 3 V numbers, with V rounded up to a multiple of 8.
    """
    apart = (size + 7) // 8 * 64
    falling, weights = x + apart, x + 2 * apart
    for index in range(size):
        put_float64(x + 8 * index, float32_at(logits + 4 * index))
    for index in range(num_rules):
        if float64_at(rules + 16 * index) == EXCLUDE:
            put_float64(x + 8 * np.int64(float64_at(rules + 16 * index + 8)), -np.inf)
    best = -np.inf
    for index in range(size):
        value = float64_at(x + 8 * index)
        if value != value:
            return -1
        best = max(best, value)
    left = 0  # how many of `falling` are left; 0: they are not sorted
    for index in range(num_rules):
        kind, value = float64_at(rules + 16 * index), float64_at(rules + 16 * index + 8)
        if not -np.inf < best < np.inf:
            return -1
        if left == 0 and (kind == KEEP_BEST or kind == KEEP_MASS):  # noqa: SIM109  # numba makes no tuple of it
            sort(x, size, falling)
            left = size
        if kind == DIVIDE:
            best /= value
            divide(x, size, value)
            divide(falling, left, value)
        elif kind == KEEP_NEAR:
            remove_below(x, size, best + value)
            while left > 0 and float64_at(falling + 8 * (left - 1)) < best + value:
                left -= 1
        elif kind == KEEP_BEST:
            if value < left:
                left = end_of_equals(falling, np.int64(value) - 1, left)
                remove_below(x, size, float64_at(falling + 8 * (left - 1)))
        elif kind == KEEP_MASS:
            left = mass(falling, left, best, value, weights)
            if left == 0:
                return -1
            remove_below(x, size, float64_at(falling + 8 * (left - 1)))
    if not -np.inf < best < np.inf:
        return -1
    return drawn(x, size, best, number)


@inlined
def block(call):
    """Draw a token and read it, again and again. call: the address of the words from MODEL to ALL_LOGITS.

    The first token that is not certain is written as -1 and ends the block.
    """
    model = word(call + MODEL * WORD)
    size = word(model + NUM_OUTPUTS * WORD)
    table, row = array(call, model, TABLE), word(call + TABLE_ROW * WORD)
    state = (array(call, model, STATE), array(call, model, STATE + 1))
    after = (array(call, model, ALL_AFTER), array(call, model, ALL_AFTER + 1))
    logits, bytes_of_state = array(call, model, ALL_LOGITS), 4 * word(model + DEPTH * WORD) * word(model + SIZE * WORD)
    outputs, given = array(call, model, BLOCK_OUTPUTS), array(call, model, GIVEN)
    rules, num_rules = array(call, model, RULES), word(call + NUM_RULES * WORD)
    numbers, tokens, scratch = array(call, model, NUMBERS), array(call, model, TOKENS), array(call, model, SCRATCH)
    for index in range(word(call + NUM_TOKENS * WORD)):
        token = draw(given, size, rules, num_rules, float64_at(numbers + 8 * index), scratch)
        put_int64(tokens + 8 * index, token)
        if token < 0:
            break
        model_step(model, 1, table + token * row, 0, state, after, outputs, logits)
        state, given = after, logits
        after = (after[0] + bytes_of_state, after[1] + bytes_of_state)
        logits += 4 * size
