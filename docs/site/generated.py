"""The pages that are written from the code: the reference and the gallery."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from docs.site import gallery
from docs.site.reference import commands, formats, json_lines, plugins, programs, python

from seqshell.host import Policy
from seqshell.host.builtin import load_registry


def pages() -> Mapping[str, Callable[[], str]]:
    """The generated pages by their paths in the site. Only the built-in plugins are described."""
    registry = load_registry(Policy(no_plugins=True))
    modules = {f"reference/{python.place(name)}": partial(python.module, name) for name in python.MODULES}
    models = {f"gallery/{name}.md": partial(gallery.model, name) for name in gallery.models()}
    return {
        "reference/commands.md": partial(commands.commands, registry),
        "reference/settings.md": partial(commands.settings, registry),
        "reference/command_line.md": programs.command_line,
        "reference/exit_codes.md": formats.codes,
        "reference/recipes.md": partial(programs.recipes, registry),
        "reference/architectures.md": partial(plugins.architectures, registry),
        "reference/hooks.md": plugins.hooks,
        "reference/files.md": formats.files,
        "reference/json_lines.md": json_lines.json_lines,
        "reference/python.md": python.api,
        **modules,
        "gallery/index.md": gallery.index,
        **models,
    }


def write(folder: Path, found: Mapping[str, Callable[[], str]]) -> None:
    """Write these pages and their files into a folder."""
    for place, text in found.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text(), encoding="utf-8")
    gallery.write_pictures(folder / "gallery")
    for schema in json_lines.SCHEMAS:
        shutil.copy(schema, folder / "reference")
