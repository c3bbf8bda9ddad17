"""What a valid name is, and the errors for names that are invalid or unknown.

Imports difflib only when a name is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from seqshell.core.errors import UsageError
from seqshell.core.text_output import MAX_VALUE, quoted

SHORTEST_BEGINNING = 3  # letters of a name that are taken for the beginning of another
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_name(name: str) -> str:
    """The name itself. UsageError if it is invalid."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"invalid name {quoted(name)}: use 1 to 64 letters, digits, dots, dashes or underscores, "
            "starting with a letter or digit"
        )
    return name


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most similar to `name`; empty if none is similar."""
    return next(iter(similar(name, known, 1)), "")


def did_you_mean(name: str, known: Iterable[str], otherwise: str, *, form: str = "{}", most: int = 1) -> str:
    """ "did you mean X?" for the most similar of the known names; `otherwise` if none is similar.

    form: how a name is shown, with {} in its place. most: how many names are suggested at most.
    """
    found = similar(name, known, most)
    return f"did you mean {' or '.join(map(form.format, found))}?" if found else otherwise


def unknown_name(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> UsageError:
    """The error for an unknown name, with the nearest known one, or with the owners if several plugins offer it.

    kind: what the name stands for, e.g. "sampler"; the error's code is unknown_KIND or ambiguous_KIND.
    hint: used if no known name is similar.
    """
    known = list(known)
    if owned := [each for each in known if each.endswith(f"/{name}")]:
        return UsageError(
            f"several plugins offer the {kind} {quoted(name)}: choose {' or '.join(owned)}",
            code=f"ambiguous_{kind}",
        )
    meant = did_you_mean(name, known, f"available: {', '.join(known)}" if known else "none is available")
    return UsageError(f"no {kind} {quoted(name)}; {meant}", hint=nearest(name, known) or hint, code=f"unknown_{kind}")


def similar(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that resemble `name`, the most similar first; if none does, those that begin with it."""
    from difflib import get_close_matches

    if len(name) > MAX_VALUE:  # no name is that long, and the comparison takes the square of the time
        return []
    known = list(known)
    begun = [each for each in known if each.startswith(name)] if len(name) >= SHORTEST_BEGINNING else []
    return get_close_matches(name, known, most) or begun[:most]
