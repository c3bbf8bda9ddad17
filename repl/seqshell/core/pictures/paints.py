"""The colours of pages by name, on a light and on a dark page: those of HTML and SVG, and those of PNG.

A share of a scale has the name of its step: `p1` to `p20` above the middle, `n1` to `n20` below it, `o1` to `o20` on a
one-sided scale; in the middle and at the beginning it has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from string import ascii_lowercase

from seqshell.core.colours import CATEGORIES, DARK, LIGHT, NUM_CATEGORIES, Scheme, hexadecimal, readable_on
from seqshell.core.pictures.page import Scale

STEPS = 20
TEXT, DIM, RULE, PAGE, BAR, NEGATIVE_BAR, MARK = "text", "dim", "rule", "page", "bar", "against", "mark"


def step(scale: Scale, value: float) -> str:
    """The name of the colour of a value; empty for the colour of the page."""
    share = scale.share(value)
    number = round(abs(share) * STEPS)
    if not number:
        return ""
    return f"{('p' if share > 0 else 'n') if scale.is_two_sided else 'o'}{number}"


def steps(scale: Scale) -> list[str]:
    """The names of all colours of a scale, from its first to its last."""
    low, high = scale.ends
    number = 2 * STEPS if scale.is_two_sided else STEPS
    return [step(scale, low + (high - low) * index / number) for index in range(number + 1)]


def category(number: int) -> str:
    """The name of the colour of a category; from the ninth on, they come again."""
    return f"category-{ascii_lowercase[number % NUM_CATEGORIES]}"


def on(name: str) -> str:
    """The name of the colour of text on a colour."""
    return f"on-{name}" if name else TEXT


@cache
def paints(*, dark: bool = False) -> Mapping[str, str]:
    """Every colour by name, as #rrggbb."""
    scheme = DARK if dark else LIGHT
    found = {
        TEXT: scheme.text,
        PAGE: scheme.page,
        DIM: (168, 168, 168) if dark else (92, 92, 92),
        RULE: (70, 70, 70) if dark else (214, 214, 214),
        BAR: scheme.two[-1],
        NEGATIVE_BAR: scheme.two[0],
        MARK: scheme.two[-1],
        **{category(number): colour for number, colour in enumerate(CATEGORIES["dark" if dark else "light"])},
    }
    for number in range(1, STEPS + 1):
        for letter, colour in _steps(scheme, number / STEPS).items():
            found[f"{letter}{number}"] = colour
            found[f"on-{letter}{number}"] = readable_on(colour)
    return {name: hexadecimal(colour) for name, colour in found.items()}


def _steps(scheme: Scheme, share: float) -> Mapping[str, tuple[int, int, int]]:
    return {"p": scheme.two_sided(share), "n": scheme.two_sided(-share), "o": scheme.one_sided(share)}
