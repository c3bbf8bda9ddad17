"""The colours of all pictures: readable, and distinguishable on dark and light pages and for colour-blind readers."""

import itertools
import math

import pytest

from seqshell.core import colours
from seqshell.core.colours import (
    DARK,
    LIGHT,
    PAGES,
    UNKNOWN,
    contrast,
    ink,
    ink_of_256,
    of_256,
    oklab,
    readable_on,
    share_of,
)

SHARES = [number / 20 for number in range(-20, 21)]
# What a reader without one kind of cone sees, in linear light (Machado, Oliveira and Fernandes 2009, severity 1).
SIMULATIONS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
SCHEMES = {"light": LIGHT, "dark": DARK, "unknown": UNKNOWN}
scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
background = pytest.mark.parametrize("background", ["", "dark", "light"])


def seen(colour, matrix):
    light = [colours._linear(value) for value in colour]
    return tuple(colours._byte(sum(map(math.prod, zip(row, light, strict=True)))) for row in matrix)


def nearest_two(found):
    return min(math.dist(oklab(one), oklab(other)) for one, other in itertools.combinations(found, 2))


def is_monotone(values):
    steps = [after - before for before, after in itertools.pairwise(values)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)


@scheme
def test_black_or_white_is_readable_on_every_colour(scheme):
    """The contrast that WCAG 2.1 asks for text."""
    for colour in [*map(scheme.two_sided, SHARES), *map(scheme.one_sided, SHARES)]:
        assert contrast(readable_on(colour), colour) >= 4.5
    assert contrast(scheme.text, scheme.page) >= 4.5


@scheme
def test_lightness_changes_in_one_direction_on_each_side(scheme):
    lightness = [oklab(scheme.two_sided(share))[0] for share in SHARES]

    assert is_monotone(lightness[:21])
    assert is_monotone(lightness[20:])
    assert is_monotone([oklab(scheme.one_sided(share))[0] for share in SHARES[20:]])


@pytest.mark.parametrize("name", SIMULATIONS)
@scheme
def test_colour_blind_readers_tell_five_steps_of_a_scale_apart(scheme, name):
    """A distance of 0.02 in OKLab is just noticeable."""
    fifths = (-1, -0.5, 0, 0.5, 1)
    matrix = SIMULATIONS[name]

    assert nearest_two([seen(scheme.two_sided(share), matrix) for share in fifths]) > 0.09
    assert nearest_two([seen(scheme.one_sided(share / 2 + 0.5), matrix) for share in fifths]) > 0.09


@pytest.mark.parametrize("name", SIMULATIONS)
@background
def test_colour_blind_readers_tell_five_steps_of_ink_apart(background, name):
    fifths = (-1, -0.5, 0, 0.5, 1)
    narrow = [of_256(ink_of_256(share, background)) for share in fifths]
    assert nearest_two([seen(ink(share, background), SIMULATIONS[name]) for share in fifths]) > 0.05
    assert nearest_two([seen(colour, SIMULATIONS[name]) for colour in narrow]) > 0.03


@background
def test_ink_is_readable_on_its_background_and_on_black_and_white_if_that_is_unknown(background):
    assert min(contrast(ink(share, background), page) for share in SHARES for page in PAGES[background]) >= 4.5


def test_the_middle_is_the_page_and_the_ends_are_the_published_colours():
    assert [LIGHT.two_sided(share) for share in (-1, 0, 1)] == [colours.VERMILION, colours.WHITE, colours.BLUE]
    assert [DARK.two_sided(share) for share in (-1, 1)] == [colours.ORANGE, colours.SKY_BLUE]
    assert DARK.two_sided(0) == DARK.two_sided(math.nan) == DARK.page
    assert [UNKNOWN.one_sided(share) for share in (-3, 0, 0.5, 1, 9)] == [
        *([colours.VIRIDIS[0]] * 2),
        colours.VIRIDIS[2],
        *([colours.VIRIDIS[-1]] * 2),
    ]


def test_a_scale_from_a_negative_number_is_two_sided_with_zero_in_the_middle():
    assert [share_of(value, -1, 3) for value in (-9, -1, 0, 1.5, 3, 9)] == [-1, -1 / 3, 0, 0.5, 1, 1]
    assert [share_of(value, -2, -1) for value in (-2, -1)] == [-1, -0.5]
    assert [share_of(value, 2, 4) for value in (1, 2, 3, 5)] == [0, 0, 0.5, 1]
    assert share_of(2, 2, 2) == 0
    assert math.isnan(share_of(math.nan, 0, 1))


def test_the_colours_of_a_terminal_with_256_are_a_cube_and_greys():
    assert [colours.of_256(number) for number in (16, 67, 196, 232)] == [
        (0, 0, 0),
        (95, 135, 175),
        (255, 0, 0),
        (8, 8, 8),
    ]


def test_oklab_has_the_values_of_its_definition():
    """The pairs of Ottosson (2020), for white and pure red."""
    assert oklab(colours.WHITE) == pytest.approx((1, 0, 0), abs=1e-4)
    assert oklab((255, 0, 0)) == pytest.approx((0.6280, 0.2249, 0.1258), abs=1e-4)
