"""`seqshell plugins new`: a distribution in a folder of its own, from the templates beside this file, that installs and passes its own tests."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from seqshell.cli.json_lines import one_line
from seqshell.core.errors import UsageError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")
LONGEST = 40  # characters of a name
TEMPLATES = Path(__file__).parent / "templates"
ENDING = ".txt"  # of every template, so that no tool takes it for a module of seqshell
PREFIX = "seqshell"  # the module and the distribution are called after it and NAME

# What a recipe without the new thing would say.
USUAL = {"{{architecture}}": "gru", "{{strategy}}": "sample", "{{sampler}}": "min_p=0.05 temperature=0.6"}


def new_command(name: str, kind: str, *, as_json: bool) -> int:
    """Write ./NAME, tell what to do next, and return 0. UsageError, with nothing written, for a name that cannot be used or is taken."""
    _check_name(name, kind)
    folder = Path(name)
    files = generated(name, kind)
    try:
        folder.mkdir()
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"{name} is here already; choose another name, or move it away") from None
    except OSError as error:
        raise UsageError(f"{name} cannot be written here: {error.strerror}") from None
    commands = [
        f"cd {name}",
        "pip install -e '.[test]'",
        "python -m pytest",
        f"seqshell plugins check {name}",
        f"seqshell train {name}.toml",
        f"seqshell -m {name}" + (f" -c 'This is' -c '/{name}'" if kind == "command" else ""),
    ]
    if as_json:
        told = one_line(
            {"name": name, "kind": kind, "path": str(folder.resolve()), "files": list(files), "next": commands}
        )
    else:
        told = "\n".join(
            [
                f"{name}: {len(files)} files of a plugin that offers {_with_article(kind)}. Next:",
                *(f"  {line}" for line in commands),
            ]
        )
    sys.stdout.write(told + "\n")
    return 0


def generated(name: str, kind: str) -> dict[str, str]:
    """The files of a distribution: the path of each in its folder, and its text."""
    module = f"{PREFIX}_{name.replace('-', '_')}"
    words = {
        **USUAL,
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
            for word, value in words.items():
                text = text.replace(word, value)
            found[path] = text
    return found


def _check_name(name: str, kind: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"{name!r} cannot be the name of a plugin: letters, digits and single dashes, a letter first, at most {LONGEST} characters"
        )
    plain = name.lower().replace("-", "_")
    if plain.split("_")[0] == PREFIX:
        raise UsageError(f"{name} would be called {PREFIX}-{name}: the plugin's own name is enough")
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry

    registry = load_registry(Policy(no_plugins=True))
    if plain in [plugin.name for plugin in registry.plugins]:
        raise UsageError(f"{name} is the name of a built-in plugin; choose another")
    if plain in registry.offers(kind):
        raise UsageError(f"{name} is the name of a built-in {kind}; choose another")


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
