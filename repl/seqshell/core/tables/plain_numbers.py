"""Numbers in many cells at once: digits with a decimal point, eight bytes of a cell in one 64-bit integer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WORD = 8  # bytes
MOST_WORDS = 3  # of a cell
PADDING = WORD * MOST_WORDS  # bytes before the first cell
EXACT = np.uint64(1 << 53)  # integers up to it, and powers of ten up to the 22nd, are exact in 64-bit floats
EXACT_POWER = 22
LARGE = np.uint64(184_000_000_000)  # integers below it have room for eight more digits
MOST_POWER = 27  # of ten that is exact in the 80-bit floats of x86
HAS_LONG = np.finfo(np.longdouble).nmant == 63

_POWERS = 10.0 ** np.arange(WORD * MOST_WORDS + 1)
_LONG_POWERS = np.cumprod(np.array([1] + [10] * WORD * MOST_WORDS, np.longdouble))


def _repeated(byte: int) -> np.uint64:
    """The word that has a byte eight times."""
    return np.uint64(byte * 0x0101010101010101)


_ZEROS, _ONES, _TOPS, _ABOVE_9 = _repeated(ord("0")), _repeated(1), _repeated(0x80), _repeated(0x80 - 10)
# Divided by 1 << 8 * place, the number of digits behind a decimal point at that byte of a word, and one more.
_BEHIND = np.uint64(0x0807060504030201)


def read_plain(
    content: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], decimal: str = "."
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers [N] in cells that have digits with at most one decimal separator and a sign, as `float` reads them.

    content: PADDING bytes, then the cells. Returns the values, and which cells are to be read in another way, since
    they are empty, have other characters, or too many digits.
    """
    first = content[starts]
    is_negative = first == ord("-")
    starts = starts + (is_negative | (first == ord("+")))
    sizes = ends - starts
    words = min(MOST_WORDS, max(1, -(-int(sizes.max(initial=0)) // WORD)))
    view = np.ndarray((len(content) - WORD + 1,), "<u8", content, 0, (1,))  # the word at each byte
    mark = np.uint64(ord(decimal) ^ ord("0"))
    # The digits as an integer, times ten behind a separator, and the number of powers of ten that divide it.
    total, behind, is_odd = _word(view[ends - WORD * words], sizes - WORD * (words - 1), mark)
    is_odd |= sizes > WORD * words
    for word in range(words - 1, 0, -1):
        number, places, is_wrong = _word(view[ends - WORD * word], sizes - WORD * (word - 1), mark)
        has_separator = behind > 0
        is_odd |= is_wrong | (total >= LARGE) | (has_separator & (places > 0))
        number *= np.where(has_separator, np.uint64(10), np.uint64(1))
        total = total * np.uint64(10**WORD) + number
        behind = np.where(has_separator, behind + np.uint64(WORD), places)
    is_odd |= sizes <= (behind > 0)
    values = total.astype(np.float64)
    values /= np.take(_POWERS, behind.view(np.int64), mode="clip")
    if words > 1 and (is_long := (total > EXACT) | (behind > EXACT_POWER)).any():
        chosen = np.flatnonzero(is_long & ~is_odd)
        values[chosen], is_open = _long(total[chosen], behind[chosen])
        is_odd[chosen] |= is_open
    np.negative(values, where=is_negative, out=values)
    values += 0.0  # turns -0.0 into 0.0
    return values, is_odd


def _word(
    digits: NDArray[np.uint64], sizes: NDArray[np.int64], mark: np.uint64
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]:
    """The numbers in the last bytes of words. sizes: how many bytes. mark: the separator, as a difference from "0".

    Returns integers, times ten where there is a separator; 0 without one, else how many digits are behind it, and one
    more; and which words have other characters.
    """
    digits ^= _ZEROS
    left_out = np.clip(WORD - sizes, 0, WORD).astype(np.uint64) * np.uint64(8)  # bits
    digits >>= left_out
    digits <<= left_out
    point = (digits >> np.uint64(4)) & _ONES  # 1 in the byte of the separator, which is no digit
    digits ^= point * mark  # leaves 0 of it
    wrong = (digits + _ABOVE_9) | digits
    wrong &= _TOPS
    wrong |= digits & (point * np.uint64(0xFF))
    below = point - np.uint64(1)
    wrong |= point & below  # another one
    before = digits & below
    digits ^= before
    digits >>= np.uint64(8)
    digits |= before
    return _eight_digits(digits), (point * _BEHIND) >> np.uint64(56), wrong != 0


def _eight_digits(digits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The numbers whose eight digits are the bytes of words, the lowest byte first. Lemire 2021,
    https://doi.org/10.1002/spe.2984, section 6.
    """
    digits *= np.uint64(1 + (10 << 8))
    digits >>= np.uint64(8)
    digits &= np.uint64(0x00FF00FF00FF00FF)
    digits *= np.uint64(1 + (100 << 16))
    digits >>= np.uint64(16)
    digits &= np.uint64(0x0000FFFF0000FFFF)
    digits *= np.uint64(1 + (10_000 << 32))
    digits >>= np.uint64(32)
    return digits


def _long(total: NDArray[np.uint64], behind: NDArray[np.uint64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Integers divided by powers of ten, and where the nearest 64-bit float is not certain.

    An 80-bit float has 11 more bits. The quotient is the nearest of these, so that its nearest 64-bit float is right
    unless it is half-way between two of them.
    """
    if not HAS_LONG:
        return np.zeros(len(total)), np.ones(len(total), bool)
    quotients = total.astype(np.longdouble) / _LONG_POWERS[behind]
    values = quotients.astype(np.float64)
    distance, spacing = np.abs(quotients - values), np.spacing(values)
    is_open = (distance == spacing / 2) | (distance == spacing / 4)  # below a power of two, they are twice as near
    return values, is_open | (behind > MOST_POWER)
