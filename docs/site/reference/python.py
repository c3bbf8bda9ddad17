"""The Python API, whose docstrings mkdocstrings reads, in the groups of `help(seqshell)`."""

from __future__ import annotations

import re
from importlib import import_module

from docs.site.markdown import page, prose

import seqshell

# Public modules besides the package itself, with their titles.
MODULES = {
    "seqshell.state": "Functions on states",
    "seqshell.pictures": "Pages of pictures",
    "seqshell.layers": "Layers",
    "seqshell.exporting": "Plain models for exporters",
    "seqshell.testing": "Support for tests",
}


def groups() -> dict[str, list[str]]:
    """The public names by the headings of the package's docstring. Public modules have pages of their own."""
    names = {name for name in dir(seqshell) if f"seqshell.{name}" not in MODULES}
    found: dict[str, list[str]] = {}
    for part in (seqshell.__doc__ or "").split("\n\n"):
        title, *lines = part.splitlines()
        if lines and all(line.startswith("    ") for line in lines):
            words = dict.fromkeys(re.findall(r"\w+", "\n".join(lines)))
            found[re.sub(r" \(.*\)", "", title)] = [word for word in words if word in names]
    return found


def api() -> str:
    """The page of the package's public names."""
    parts = []
    for title, names in groups().items():
        parts += [f"## {title}", *map(_entry, names)]
    more = ", ".join(f"[{name}]({name.rpartition('.')[2]}.md)" for name in MODULES)
    return page("seqshell", f"`import seqshell` gives these names. Further modules: {more}.", *parts)


def _entry(name: str) -> str:
    value = getattr(seqshell, name)
    return f"### {name}\n\n`seqshell.{name} = {value}`" if isinstance(value, int) else f"::: seqshell.{name}"


def module(name: str) -> str:
    """The page of a public module."""
    found = import_module(name)
    return page(name, prose(found.__doc__ or ""), *(f"::: {name}.{each}" for each in found.__all__))
