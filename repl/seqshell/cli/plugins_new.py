"""`seqshell plugins new`: creates a distribution from the templates. It installs and passes its own tests."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from seqshell.cli.json_lines import one_line
from seqshell.core.errors import UsageError
from seqshell.core.named_files import shown_name

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")
LONGEST = 40  # characters of a name
TEMPLATES = Path(__file__).parent / "templates"
ENDING = ".txt"  # of every template, so that no tool mistakes it for a module of seqshell
PREFIX = "seqshell"  # of the names of the module and the distribution

# The recipe's entries for what the plugin does not offer.
DEFAULTS = {"{{architecture}}": "gru", "{{strategy}}": "sample", "{{sampler}}": "min_p=0.05 temperature=0.6"}


def new_command(name: str, kind: str, *, as_json: bool) -> int:
    """Write the folder ./NAME, print the next steps and return 0.

    Raises UsageError, with nothing written, for an invalid name or one in use.
    """
    _check_name(name, kind)
    folder = Path(name)
    files = distribution_files(name, kind)
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
        f"seqshell train {name}.toml",
        f"seqshell -m {name}" + (f" -c 'This is' -c '/{name}'" if kind == "command" else ""),
    ]
    if as_json:
        output = one_line(
            {"name": name, "kind": kind, "path": str(folder.resolve()), "files": list(files), "next": commands}
        )
    else:
        output = "\n".join(
            [
                f"{name}: {len(files)} files of a plugin with {_with_article(kind)}. Next steps:",
                *(f"  {line}" for line in commands),
            ]
        )
    sys.stdout.write(output + "\n")
    return 0


def distribution_files(name: str, kind: str) -> dict[str, str]:
    """Return the files of a distribution: path inside its folder, and text."""
    module = f"{PREFIX}_{name.replace('-', '_')}"
    replacements = {
        **DEFAULTS,
        f"{{{{{kind}}}}}": f"{name} temperature=0.6" if kind == "sampler" else name,
        "{{name}}": name,
        "{{module}}": module,
        "{{distribution}}": f"{PREFIX}-{name}",
        "{{Class}}": "".join(part[0].upper() + part[1:] for part in re.split("[-_]", name)),
        "{{kind}}": _with_article(kind),
    }
    places = {"package": module, "recipe": name}
    found = {}
    for root in (TEMPLATES / "every", TEMPLATES / kind):
        for template in sorted(root.rglob(f"*{ENDING}")):
            parts = template.relative_to(root).as_posix().removesuffix(ENDING).split("/")
            stem, dot, ending = parts[-1].partition(".")
            path = "/".join([*(places.get(part, part) for part in parts[:-1]), places.get(stem, stem) + dot + ending])
            text = template.read_text(encoding="utf-8")
            for placeholder, value in replacements.items():
                text = text.replace(placeholder, value)
            found[path] = text
    return found


def _check_name(name: str, kind: str) -> None:
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
    if plain in [plugin.name for plugin in registry.plugins]:
        raise UsageError(f"{name} is the name of a built-in plugin; choose another")
    if plain in registry.offers(kind):
        raise UsageError(f"{name} is the name of a built-in {kind}; choose another")


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
