"""Lines of the sources of Python's standard library, with what each word is, for a tagger: python:code."""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
from collections.abc import Iterator
from pathlib import Path

from seqshell.core.tagged_words import words_of

MODULES = (
    *("argparse", "ast", "bisect", "calendar", "cmd", "collections", "configparser", "contextlib", "copy", "csv"),
    *("dataclasses", "datetime", "difflib", "dis", "doctest", "enum", "fileinput", "fractions", "ftplib", "functools"),
    *("getpass", "gettext", "glob", "gzip", "heapq", "inspect", "ipaddress", "linecache", "locale", "mailbox"),
    *("mimetypes", "numbers", "optparse", "pathlib", "pdb", "pickle", "platform", "plistlib", "pprint", "queue"),
    *("random", "sched", "selectors", "shelve", "shlex", "shutil", "smtplib", "socket", "ssl", "statistics"),
    *("string", "subprocess", "tarfile", "tempfile", "textwrap", "threading", "timeit", "tokenize", "trace", "types"),
    *("typing", "unittest", "uuid", "warnings", "weakref", "zipfile"),
)
STRING, COMMENT, KEYWORD, NUMBER, OPERATOR, NAME = "string", "comment", "keyword", "number", "operator", "name"
_KINDS = {tokenize.STRING: STRING, tokenize.COMMENT: COMMENT, tokenize.NUMBER: NUMBER, tokenize.OP: OPERATOR}
_STRINGS = {
    number for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END") if (number := getattr(tokenize, name, 0))
}
Place = tuple[int, int]  # line, from 1, and column
TaggedWords = list[tuple[str, str]]


def tagged_code() -> str:
    """The lines of the sources of MODULES, each once: a word, a tab and its tag in each line, blank lines between."""
    found = dict[tuple[str, ...], TaggedWords]()
    for path in _sources():
        for line in tagged_lines(path.read_bytes()):
            found.setdefault(tuple(word for word, _ in line), line)
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in line) for line in found.values())


def _sources() -> Iterator[Path]:
    """The files of the modules that this Python has with their sources."""
    library = Path(ast.__file__).parent
    for name in MODULES:
        paths = (library / f"{name}.py", library / name / "__init__.py")
        yield from (path for path in paths if path.is_file())


def tagged_lines(source: bytes) -> Iterator[TaggedWords]:
    """The words of each line of a program that has some, with their kinds."""
    marks = _marks(source)
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    for number, line in enumerate(io.StringIO(source.decode(encoding)), 1):
        if words := words_of(line):
            yield [(word.text, marks.get((number, word.end - 1), OPERATOR)) for word in words]


def _marks(source: bytes) -> dict[Place, str]:
    """The kind of the token at each place."""
    names = _names(ast.parse(source))
    found: dict[Place, str] = {}
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        kind = STRING if token.type in _STRINGS else _KINDS.get(token.type, "")
        if token.type == tokenize.NAME:
            is_keyword = keyword.iskeyword(token.string)
            kind = KEYWORD if is_keyword else names.get(token.start, NAME)
        if kind:
            lines = token.string.split("\n")
            for offset, text in enumerate(lines):
                first = token.start[1] if not offset else 0
                found |= {(token.start[0] + offset, first + column): kind for column in range(len(text))}
    return found


def _names(tree: ast.Module) -> dict[Place, str]:
    """What the names of a program are, by where they begin: function, class, parameter, call, attribute or module."""
    found: dict[Place, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                words = "async def " if isinstance(node, ast.AsyncFunctionDef) else "def "
                found[node.lineno, node.col_offset + len(words)] = "function"
            case ast.ClassDef():
                found[node.lineno, node.col_offset + len("class ")] = "class"
            case ast.arg():
                found[node.lineno, node.col_offset] = "parameter"
            case ast.keyword(arg=str()):
                found[node.lineno, node.col_offset] = "parameter"
            case ast.Attribute():
                found.setdefault(_end_of(node), "attribute")
            case ast.Call(func=ast.Attribute() as function):
                found[_end_of(function)] = "call"
            case ast.Call(func=ast.Name() as name):
                found[name.lineno, name.col_offset] = "call"
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    found |= {(alias.lineno, alias.col_offset + place): "module" for place in range(len(alias.name))}
    return found


def _end_of(node: ast.Attribute) -> Place:
    """Where the name of an attribute begins."""
    return node.end_lineno or 0, (node.end_col_offset or 0) - len(node.attr)
