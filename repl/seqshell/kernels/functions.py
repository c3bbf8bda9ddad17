"""How numba compiles the functions of kernels; tanh and exp of 16 numbers, which decoding and training share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from seqshell.kernels.lanes import clamp, power_of_two, splat

single = np.float32
ROUNDS = single(12582912.0)  # 1.5 * 2 ** 23: what is added to it is rounded to a whole number


def inlined(function: Any) -> Any:
    """A function that becomes part of those that call it."""
    return njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def called(function: Any) -> Any:
    """A function of its own, which kernels call: it is compiled once."""
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


@inlined
def numerator(x):
    """That of tanh(x), a quotient of polynomials for x from -9 to 9, whose coefficients are those of Eigen."""
    y = x * x
    p = splat(single(-2.76076847742355e-16))
    p = p * y + splat(single(2.00018790482477e-13))
    p = p * y + splat(single(-8.60467152213735e-11))
    p = p * y + splat(single(5.12229709037114e-08))
    p = p * y + splat(single(1.48572235717979e-05))
    p = p * y + splat(single(6.37261928875436e-04))
    p = p * y + splat(single(4.89352455891786e-03))
    return x * p


@inlined
def denominator(x):
    """That of tanh(x)."""
    y = x * x
    q = splat(single(1.19825839466702e-06))
    q = q * y + splat(single(1.18534705686654e-04))
    q = q * y + splat(single(2.26843463243900e-03))
    return q * y + splat(single(4.89352518554385e-03))


@inlined
def exponential(x):
    """exp(x) of x <= 0, within 2 units in the last place; the coefficients are those of Cephes."""
    x = clamp(x, single(-87.0), single(0.0))
    k = x * splat(single(1.4426950408889634)) + splat(ROUNDS) - splat(ROUNDS)
    r = x - k * splat(single(0.693359375))
    r = r + k * splat(single(2.12194440e-4))
    p = splat(single(1.9875691500e-4)) * r + splat(single(1.3981999507e-3))
    p = p * r + splat(single(8.3334519073e-3))
    p = p * r + splat(single(4.1665795894e-2))
    p = p * r + splat(single(1.6666665459e-1))
    p = p * r + splat(single(5.0000001201e-1))
    return (p * r * r + r + splat(single(1.0))) * power_of_two(k)
