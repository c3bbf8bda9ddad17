"""The output of `seqshell --version`, `models` and `plugins list`. Imports neither torch nor numpy."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqshell.cli.json_lines import one_line
from seqshell.core.events import Table
from seqshell.core.sanitize import safe
from seqshell.core.version import __version__

if TYPE_CHECKING:
    from seqshell.host import Registry

LIBRARIES = ("torch", "numpy", "safetensors", "tokenizers", "prompt_toolkit", "pluggy", "rich")


def versions(verbose: bool = False) -> str:
    """Return the version. verbose: also those of its libraries, and its folders."""
    if not verbose:
        return f"seqshell {__version__}\n"
    from importlib.metadata import PackageNotFoundError, version

    from seqshell.core import paths

    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} missing")
    where = (f"home {paths.home()}", f"checkpoints {paths.shipped()}")
    return "".join(
        f"{line}\n"
        for line in (
            f"seqshell {__version__}",
            f"Python {platform.python_version()}, {platform.platform()}",
            *found,
            *where,
        )
    )


def models(registry: Registry, *, as_json: bool = False) -> str:
    """List the models by name, with task and file."""
    from seqshell.shell.commands.models import known_models

    found = list(known_models(registry.checkpoint_folders, {}))
    if as_json:
        return one_line({"models": found}) + "\n"
    return _table(
        ("model", "task", "file"), [(model["name"], model["task"] or "invalid", model["path"]) for model in found]
    )


def plugins(registry: Registry, *, as_json: bool = False) -> str:
    """List the plugins with their status, then warnings and errors."""
    if as_json:
        listed = [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "hooks": plugin.hooks,
                "state": plugin.state,
                "reason": plugin.reason,
            }
            for plugin in registry.plugins
        ]
        return one_line({"plugins": listed, "problems": [problem.message for problem in registry.problems]}) + "\n"
    rows = [
        (
            plugin.name,
            plugin.distribution or "-",
            plugin.version or "-",
            f"{plugin.import_ms:.0f} ms",
            plugin.state,
            plugin.reason,
        )
        for plugin in registry.plugins
    ]
    messages = [f"{safe(text)}\n" for text in (*registry.warnings, *(problem.message for problem in registry.problems))]
    return _table(("plugin", "distribution", "version", "import", "state", "reason"), rows) + "".join(messages)


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str | bool | None, ...]]) -> str:
    return safe(Table(columns, tuple(rows)).as_text()) + "\n"
