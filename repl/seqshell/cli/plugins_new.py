"""`seqshell plugins new`: creates a distribution from the templates. It installs and passes its own tests."""

from __future__ import annotations

import re
from pathlib import Path

from seqshell.cli.plugin_templates import PREFIX, NewPlugin
from seqshell.cli.progress import print_json
from seqshell.core.errors import UsageError
from seqshell.core.named_files import shown_name

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")
LONGEST = 40  # characters of a name


def new_command(plugin: NewPlugin, *, as_json: bool) -> int:
    """Write the folder ./NAME, print the next steps and return 0.

    Raises UsageError, with nothing written, for an invalid name or one in use.
    """
    name = plugin.name
    _check_name(plugin)
    folder = Path(name)
    files = plugin.files()
    try:
        folder.mkdir()
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"{name} already exists here; choose another name or move it away") from None
    except OSError as error:
        raise UsageError(f"cannot write {name} here: {error.strerror}") from None
    commands = [
        f"cd {name}",
        "pip install -e '.[test]'",
        "python -m pytest",
        f"seqshell plugins check {name}",
        *plugin.trial,
    ]
    if as_json:
        written = {"path": str(folder.resolve()), "files": list(files), "next": commands}
        print_json({"name": name, "kind": plugin.kinds[0], "kinds": list(plugin.kinds), **written})
        return 0
    title = f"{name}: {len(files)} files of a plugin with {plugin.title}. Next steps:"
    print("\n".join([title, *(f"  {line}" for line in commands)]))
    return 0


def _check_name(plugin: NewPlugin) -> None:
    name = plugin.name
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"{shown_name(name)!r} is not a valid plugin name: start with a letter, then use letters, digits and "
            f"single dashes, at most {LONGEST} characters"
        )
    plain = name.lower().replace("-", "_")
    if plain.split("_")[0] == PREFIX:
        raise UsageError(f"leave out the prefix: {name} would become {PREFIX}-{name}")
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry

    registry = load_registry(Policy(no_plugins=True))
    if plain in [known.name for known in registry.plugins]:
        raise UsageError(f"{name} is the name of a built-in plugin; choose another")
    for kind in plugin.kinds:
        if kind != "hook" and plain in registry.offers(kind):
            raise UsageError(f"{name} is the name of a built-in {kind}; choose another")
