"""The formats of the files that seqshell writes, from the modules that read them, and the exit codes."""

from __future__ import annotations

import ast

from docs.site.markdown import code, escaped, page, prose, table
from docs.site.pages import ROOT, SOURCE

from seqshell.core import exit_codes

MODULES = {
    "Checkpoints": "models/file.py",
    "Sessions": "session/saving.py",
    "States": "inspect/saved_states.py",
    "Traces": "inspect/trace_files.py",
}


def files() -> str:
    """The page of the formats."""
    parts = ["Each format is described where it is read and written; nothing in these files is executed."]
    for title, name in MODULES.items():
        path = ROOT / "repl" / "seqshell" / name
        about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        source = f"[{name}]({SOURCE}{path.relative_to(ROOT).as_posix()})"
        parts += [f"## {title}", prose(about), source]
    return page("File formats", *parts)


def codes() -> str:
    """The page of the exit codes."""
    rows = [(code(number), escaped(meaning)) for number, meaning in exit_codes.MEANINGS.items()]
    return page("Exit codes", table(("code", "meaning"), rows))
