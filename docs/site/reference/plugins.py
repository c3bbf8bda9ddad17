"""What plugins implement and what the built-in ones offer: the hooks, and the architectures with their equations."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from docs.site.markdown import block, code, escaped, page, prose, table
from docs.site.pages import ROOT, SOURCE
from docs.site.reference.commands import settings_table

from seqshell.core import hookspecs
from seqshell.core.model import Architecture
from seqshell.core.nested_settings import flat_settings
from seqshell.core.tasks import task_spec
from seqshell.host import Registry, resolve

PLUGINS = ROOT / "plugins"
OTHER = re.compile(r"^(numpy_|export|__init__)|(decoders?|importer|config|states)$")  # modules without equations
# A docstring with a paper, an equation, or what a model's weights and state are.
EXPLAINS = re.compile(r"https://|et al\. \d|^ {4}\S|\b(Weights|State): ", re.MULTILINE)


def hooks() -> str:
    """The page of the hooks, from their specifications."""
    found = {name: value for name, value in vars(hookspecs).items() if name.startswith("seqshell_")}
    parts = []
    for name, hook in found.items():
        text, _, example = (inspect.getdoc(hook) or "").partition("\nExample:\n")
        arguments = ", ".join(inspect.signature(hook).parameters)
        parts += [f"## {name}", block(f"{name}({arguments})", "python"), prose(text)]
        parts += [block(textwrap.dedent(example), "python")]
    more = "How to write one, with everything a hook may return, is in [a page for each](../plugins/index.md)."
    return page(
        "Hooks",
        prose(hookspecs.__doc__ or ""),
        f"The version of this interface is {hookspecs.API_VERSION}. {more}",
        *parts,
    )


def architectures(registry: Registry) -> str:
    """The page of the architectures: what each is, its equations and papers, its file and its settings."""
    offered = [registry.architectures[name] for name in registry.architectures]
    parts = [
        "Every architecture that comes with seqshell, by plugin. `seqshell train RECIPE --set architecture=NAME` trains"
        " another one than the recipe's."
    ]
    for package, group in groupby(offered, key=_package):
        members = list(group)
        rows = [(code(each.name), str(each.task), escaped(each.summary), _link(_module(each))) for each in members]
        parts += [f"## {package}", table(("architecture", "task", "what it is", "file"), rows), *_equations(package)]
        parts += [part for each in members for part in _settings(each)]
    return page("Architectures", *parts)


def _package(offered: Architecture) -> str:
    return str(offered.model).partition(".")[0]


def _module(offered: Architecture) -> Path:
    module = str(offered.model).partition(":")[0]
    return PLUGINS / f"{module.replace('.', '/')}.py"


def _link(file: Path) -> str:
    name = file.relative_to(ROOT).as_posix()
    return f"[{file.name}]({SOURCE}{name})"


def _equations(package: str) -> Iterator[str]:
    """The docstrings of a plugin's models, and of what they consist of, that explain it."""
    for file in sorted((PLUGINS / package).glob("*.py")):
        if OTHER.search(file.stem):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        documented = [(node.name, text) for node in classes if EXPLAINS.search(text := ast.get_docstring(node) or "")]
        about = ast.get_docstring(tree) or ""
        if documented or EXPLAINS.search(about):
            yield f"### {file.stem}"
            yield f"{prose(about)}\n\n{_link(file)}"
            for name, text in documented:
                yield f"#### {name}"
                yield prose(text)


def _settings(offered: Architecture) -> list[str]:
    filled = task_spec(offered.task).sizes
    found = [each for each in flat_settings(resolve(offered.config)) if each.name not in filled]
    return [f"### Settings of {offered.name}", settings_table(found)]
