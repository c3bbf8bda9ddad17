"""Say what a file of another program contains, and what `seqshell import` would make of it. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seqshell.core.errors import SeqshellError
from seqshell.core.imported_model import ForeignModel
from seqshell.foreign.contents import tree_of
from seqshell.foreign.recognition import recognise_file
from seqshell.host import Registry
from seqshell.models.foreign_models import Given, built_model, completed_model, read_model, require_file


@dataclass(frozen=True)
class Explanation:
    """what: the file in a sentence. tree: lines of its content. importer, model: what would be imported, if an importer
    reads the file. problem: why it cannot be imported; "" if it can."""

    what: str
    tree: tuple[str, ...]
    importer: str = ""
    model: ForeignModel | None = None
    problem: str = ""


def explain(path: Path, given: Given, registry: Registry, warn: Callable[[str], None]) -> Explanation:
    """Explain a file. given, warn: as for `import_model`. Raises a SeqshellError if there is no such file."""
    require_file(path)
    found = recognise_file(path)
    what = f"{path.name} {found.what}"
    try:
        tree = tuple(tree_of(path, found))
    except SeqshellError as error:
        return Explanation(what, (), problem=error.message)
    importer, model = "", None
    try:
        importer, model = read_model(path, given, registry, warn)
        built_model(completed_model(model, given, registry), importer, registry)
    except SeqshellError as error:
        return Explanation(what, tree, importer, model, error.message)
    return Explanation(path.name if found.kind == "other" else what, tree, importer, model)
