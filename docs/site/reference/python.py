"""The Python API, whose docstrings mkdocstrings reads, in the groups of `help(seqshell)`."""

from __future__ import annotations

import ast
import re

from docs.site.markdown import page, prose
from docs.site.pages import ROOT

import seqshell

# Public modules besides the package itself.
MODULES = (
    "seqshell.state",
    "seqshell.pictures",
    "seqshell.layers",
    "seqshell.layers.modules",
    "seqshell.exporting",
    "seqshell.testing",
)


def place(name: str) -> str:
    """The file of a public module's page, beside that of the package."""
    return f"{name.removeprefix('seqshell.').replace('.', '_')}.md"


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
    more = ", ".join(f"[{name}]({place(name)})" for name in MODULES)
    return page("seqshell", f"`import seqshell` gives these names. Further modules: {more}.", *parts)


def _entry(name: str) -> str:
    """mkdocstrings reads the source; it does not find constants that one line defines together."""
    if name.isupper() and isinstance(value := getattr(seqshell, name), int):
        return f"### {name}\n\n`seqshell.{name} = {value}`"
    return f"::: seqshell.{name}"


def module(name: str) -> str:
    """The page of a public module, which is read, not imported: some import torch."""
    path = ROOT / "repl" / name.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return page(name, prose(ast.get_docstring(tree) or ""), *(f"::: {name}.{each}" for each in _public(tree)))


def _public(tree: ast.Module) -> list[str]:
    """The names in `__all__`; without it, those of classes and functions."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    found = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return [name for name in found if not name.startswith("_")]
