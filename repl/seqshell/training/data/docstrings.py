"""The documented functions of Python's standard library, a table that every installation can make: python:docstrings.

Columns, each in one line:

    module      such as urllib.parse
    signature   name and parameters, without self and cls: urljoin(base, url, allow_fragments)
    summary     the first sentence of the docstring
    details     the rest of it, without examples
    docstring   both
"""

from __future__ import annotations

import ast
import re
import sysconfig
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path

COLUMNS = ("module", "signature", "summary", "details", "docstring")
LEFT_OUT = frozenset(("test", "tests", "idlelib", "lib2to3", "turtledemo", "ensurepip", "site-packages"))  # folders
SENTENCE = re.compile(r"(.+?[.!?])(?=\s|$)")
EXAMPLE = re.compile(r"^\s*>>> ")

Row = tuple[str, str, str, str, str]


def documented_functions(folder: Path | None = None) -> list[Row]:
    """The functions and methods with docstrings in the modules of a folder, equal ones once.

    They are in order of file and place. folder: by default that of the standard library. Modules are read, not
    imported; those that Python cannot parse are left out.
    """
    found: dict[Row, None] = {}
    root = folder or Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        *packages, _ = path.relative_to(root).parts
        if LEFT_OUT.intersection(packages):
            continue
        try:
            with tokenize.open(path) as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of invalid escapes
                tree = ast.parse(file.read())
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        module = ".".join((*packages, path.stem)).removesuffix(".__init__")
        found |= dict.fromkeys(_rows(module, tree))
    return list(found)


def _rows(module: str, tree: ast.Module) -> Iterator[Row]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        summary, details = parts_of(ast.get_docstring(node) or "")
        if summary:
            yield module, signature(node), summary, details, f"{summary} {details}".strip()


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Name and parameters of a function, without defaults, annotations, self and cls."""
    given = node.args
    names = [each.arg for each in (*given.posonlyargs, *given.args)]
    if names[:1] in (["self"], ["cls"]):
        del names[0]
    if given.vararg:
        names.append(f"*{given.vararg.arg}")
    elif given.kwonlyargs:
        names.append("*")
    names += [each.arg for each in given.kwonlyargs]
    if given.kwarg:
        names.append(f"**{given.kwarg.arg}")
    return f"{node.name}({', '.join(names)})"


def parts_of(docstring: str) -> tuple[str, str]:
    """(first sentence, rest) of a docstring, each in one line. The sentence ends with its paragraph at the latest.

    Examples, paragraphs that begin with >>>, are left out.
    """
    paragraphs = [part for part in re.split(r"\n\s*\n", docstring) if part.strip() and not EXAMPLE.match(part)]
    lines = [" ".join(part.split()) for part in paragraphs]
    if not lines:
        return "", ""
    sentence = SENTENCE.match(lines[0])
    end = sentence.end() if sentence else len(lines[0])
    return lines[0][:end], " ".join((lines[0][end:].strip(), *lines[1:])).strip()
