"""One colour model for all pictures: a value to (red, green, blue), 0 to 255, and the text that is readable on it.

The colours are those of Okabe and Ito (Color Universal Design, 2008), which colour-blind readers tell apart: blue for
positive values, orange for negative ones. Between them, colours are interpolated in OKLab (Ottosson 2020), so that
equal steps look equal and the lightness changes in one direction from the page to each end. Viridis is by van der Walt
and Smith (2015).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

RGB = tuple[int, int, int]
Lab = tuple[float, float, float]

BLACK: RGB = (0, 0, 0)
WHITE: RGB = (255, 255, 255)
BLUE: RGB = (0, 114, 178)
SKY_BLUE: RGB = (86, 180, 233)
VERMILION: RGB = (213, 94, 0)
ORANGE: RGB = (230, 159, 0)
YELLOW: RGB = (240, 228, 66)
VIRIDIS: tuple[RGB, ...] = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))


@dataclass(frozen=True)
class Scheme:
    """The colours on one kind of page.

    two: from -1 through 0 to 1; the middle is the page itself. one: from 0 to 1.
    """

    page: RGB
    text: RGB
    two: tuple[RGB, ...]
    one: tuple[RGB, ...]

    def two_sided(self, share: float) -> RGB:
        """The colour of a share from -1 to 1, as `share_of` gives it. NaN has the colour of the page."""
        return self.page if math.isnan(share) else _between(self.two, (share + 1) / 2)

    def one_sided(self, share: float) -> RGB:
        """The colour of a share from 0 to 1. NaN has the colour of the page."""
        return self.page if math.isnan(share) else _between(self.one, share)


LIGHT = Scheme(WHITE, (26, 26, 26), (VERMILION, WHITE, BLUE), (WHITE, YELLOW, ORANGE, VERMILION))
_DARK: RGB = (18, 18, 18)
DARK = Scheme(_DARK, (230, 230, 230), (ORANGE, _DARK, SKY_BLUE), (_DARK, VERMILION, ORANGE, YELLOW))
# Of a terminal, whose background is unknown: grey in the middle, one end darker and the other lighter.
_GREY: RGB = (118, 118, 118)
UNKNOWN = Scheme(_GREY, WHITE, (ORANGE, _GREY, (0, 68, 136)), VIRIDIS)


def share_of(value: float, low: float, high: float) -> float:
    """The share of a value on the scale from `low` to `high`.

    From 0 to 1 if `low` is 0 or more; else two-sided, from -1 to 1, in which 0 stays 0 and the larger of -low and high
    is 1. Values beyond the ends have the share of the end; NaN stays NaN.
    """
    if math.isnan(value):
        return value
    if low >= 0:
        return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.0
    largest = max(-low, high)
    return min(1.0, max(-1.0, value / largest))


def ink(share: float, background: str = "") -> RGB:
    """The colour of text for a share from -1 to 1, readable on a background: "dark", "light", or "" for an unknown one.

    The contrast is 4.5 or more (WCAG 2.1, 1.4.3) on the PAGES of the background.
    """
    return _between(_INKS[background], (share + 1) / 2)


# What a dark and a light terminal usually have; unknown: either.
PAGES: Mapping[str, tuple[RGB, ...]] = MappingProxyType(
    {"": (BLACK, WHITE), "dark": (BLACK, (30, 30, 30)), "light": (WHITE, (250, 250, 250))}
)
_INKS: Mapping[str, tuple[RGB, ...]] = MappingProxyType(
    {
        "": ((175, 97, 3), (118, 118, 118), (30, 119, 207)),
        "dark": ((240, 140, 0), (145, 145, 145), (60, 165, 255)),
        "light": ((180, 75, 0), (112, 112, 112), (0, 100, 200)),
    }
)


def readable_on(colour: RGB) -> RGB:
    """Black or white, whichever has the larger contrast: always 4.5 or more (WCAG 2.1, 1.4.3)."""
    return max((BLACK, WHITE), key=lambda each: contrast(each, colour))


def contrast(one: RGB, other: RGB) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.1)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: RGB) -> float:
    """The relative luminance, 0 to 1 (WCAG 2.1)."""
    red, green, blue = map(_linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def hexadecimal(colour: RGB) -> str:
    """The colour as HTML and SVG write it: #0072b2."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def ink_of_256(share: float, background: str = "") -> int:
    """The same as `ink` of the colours 16 to 255. On black and on white at once, orange has a contrast of 4.46."""
    steps = _INKS_OF_256[background]
    return steps[round((min(1.0, max(-1.0, share)) + 1) / 2 * (len(steps) - 1))]


_INKS_OF_256: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"": (130, 131, 243, 98, 63), "dark": (208, 172, 173, 138, 246, 109, 110, 75, 39), "light": (130, 95, 240, 61, 26)}
)


# Colours of text for categories, which differ in hue: the hues of Okabe and Ito and three between them, as saturated as
# the background allows. On black and on white at once, a few of 256 have a contrast of 4.
CATEGORIES: Mapping[str, tuple[RGB, ...]] = MappingProxyType(
    {
        "": (
            *((0, 108, 255), (173, 100, 0), (0, 137, 53), (224, 0, 147)),
            *((0, 130, 147), (237, 0, 0), (128, 120, 0), (163, 65, 242)),
        ),
        "dark": (
            *((104, 162, 255), (236, 138, 0), (0, 187, 77), (255, 110, 190)),
            *((0, 178, 201), (255, 122, 107), (176, 165, 0), (196, 134, 255)),
        ),
        "light": (
            *((0, 80, 231), (143, 80, 0), (0, 111, 40), (184, 0, 119)),
            *((0, 106, 120), (195, 0, 2), (105, 97, 0), (140, 31, 216)),
        ),
    }
)
NUM_CATEGORIES = 8
CATEGORIES_OF_256: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "": (27, 130, 28, 162, 30, 196, 64, 129),
        "dark": (75, 208, 35, 205, 38, 209, 142, 177),
        "light": (26, 94, 22, 126, 23, 160, 58, 92),
    }
)


def of_256(number: int) -> RGB:
    """One of the colours 16 to 255 of xterm: a cube, then greys."""
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    return _STEPS[(number - 16) // 36], _STEPS[(number - 16) // 6 % 6], _STEPS[(number - 16) % 6]


def oklab(colour: RGB) -> Lab:
    """The lightness, 0 to 1, and the two opponent axes of a colour (Ottosson 2020, A perceptual color space)."""
    red, green, blue = map(_linear, colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _from_oklab(place: Lab) -> RGB:
    lightness, a, b = place
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _byte(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        _byte(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        _byte(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )


def _between(stops: Sequence[RGB], share: float) -> RGB:
    """The colour at a share from 0 to 1 of the way along the stops."""
    place = min(1.0, max(0.0, share)) * (len(stops) - 1)
    first = min(int(place), len(stops) - 2)
    low, high = oklab(stops[first]), oklab(stops[first + 1])
    weight = place - first
    return _from_oklab(
        (
            low[0] + (high[0] - low[0]) * weight,
            low[1] + (high[1] - low[1]) * weight,
            low[2] + (high[2] - low[2]) * weight,
        )
    )


def _linear(value: int) -> float:
    """A value of sRGB, 0 to 255, as linear light, 0 to 1 (IEC 61966-2-1)."""
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def _byte(light: float) -> int:
    light = min(1.0, max(0.0, light))
    return round(255 * (light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055))


_STEPS = (0, 95, 135, 175, 215, 255)
