"""What `seqshell --version`, `models` and `plugins list` show. Imports neither torch nor numpy."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from seqshell.core.events import Table
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


def models(registry: Registry) -> Table:
    """The models by name, with task, purpose and file."""
    from seqshell.shell.commands.models import known_models

    rows = (
        (model["name"], model["task"] or "invalid", model["about"], model["path"])
        for model in known_models(registry.checkpoint_folders, {})
    )
    return Table(("model", "task", "does", "file"), tuple(rows), optional=("file",))


def models_as_json(registry: Registry) -> dict[str, Any]:
    """The models, for JSON."""
    from seqshell.shell.commands.models import known_models

    return {"models": list(known_models(registry.checkpoint_folders, {}))}


def plugins(registry: Registry) -> Table:
    """The plugins with their status."""
    rows = (
        (
            plugin.name,
            plugin.distribution or "-",
            plugin.version or "-",
            f"{plugin.import_ms:.0f} ms",
            plugin.state,
            plugin.reason,
        )
        for plugin in registry.plugins
    )
    columns = ("plugin", "distribution", "version", "import", "state", "reason")
    return Table(columns, tuple(rows), optional=("import", "distribution"))


def plugin_messages(registry: Registry) -> tuple[str, ...]:
    """Warnings and errors of plugins."""
    return (*registry.warnings, *(problem.message for problem in registry.problems))


def plugins_as_json(registry: Registry) -> dict[str, Any]:
    """The plugins with their status, and the errors, for JSON."""
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
    return {"plugins": listed, "problems": [problem.message for problem in registry.problems]}
