"""`seqshell plugins check`: hold what a plugin offers to the contract, rule by rule. The rules themselves are in seqshell.testing."""

from __future__ import annotations

import contextlib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqshell.cli.json_lines import one_line
from seqshell.core.errors import PluginError, UsageError
from seqshell.core.sanitize import safe
from seqshell.host import PluginInfo, Policy, Registry, entry_points
from seqshell.host.builtin import load_registry
from seqshell.host.entry_points import normalized
from seqshell.testing.check import Check
from seqshell.testing.contract import KINDS, check_offer


@dataclass(frozen=True)
class Checked:
    """What became of one thing that a plugin offers, or of the plugin itself (kind "plugin"). details: a traceback."""

    kind: str
    name: str
    checks: tuple[Check, ...]
    details: str = ""

    @property
    def num_failed(self) -> int:
        return sum(not check.passed for check in self.checks)


def check_command(word: str, extra: Sequence[str], *, as_json: bool) -> int:
    """Try every rule that the offers of a plugin call for, and print what came of each. Returns 1 when one does not hold, else 0.

    word: the name of an installed plugin or of its distribution, a module, or a path: a file, a package, the folder of a distribution.
    extra: what -p names; it is loaded, not checked. UsageError when there is nothing of that name.
    """
    results: list[Checked] = []
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is no result
        for result in checked(word, extra):
            results.append(result)
            if not as_json:
                out.write(safe(_lines(result)))
    num_failed = sum(result.num_failed for result in results)
    if as_json:
        out.write(
            one_line({"plugin": word, "failed": num_failed, "offers": [_json(result) for result in results]}) + "\n"
        )
    else:
        checks = [check for result in results for check in result.checks]
        num_warnings = sum(check.is_warning and bool(check.seen) for check in checks)
        warned = f", {num_warnings} warning{'' if num_warnings == 1 else 's'}" if num_warnings else ""
        out.write(
            f"{f'{num_failed} of {len(checks)} rules do not hold' if num_failed else f'all {len(checks)} rules hold'}{warned}\n"
        )
    return int(bool(num_failed))


def checked(word: str, extra: Sequence[str] = ()) -> Iterator[Checked]:
    """The results for each plugin that `word` means, first its own, then those of each thing it offers."""
    words = meant(word)
    extra = [each for each in extra if each not in words and os.path.realpath(each) not in words]
    others = {info.name for info in _active(_load(extra))} if extra else set()
    registry = _load((*extra, *words))  # in this order: what is checked may import the others
    for info in [info for info in _active(registry, words) if info.name not in others]:
        yield _plugin(registry, info)
        if info.state == "loaded":
            # Named first: an offer whose import fails takes the plugin out of the registry.
            named = [
                (kind, offered)
                for kind in KINDS
                for offered in registry.offers(kind)
                if registry.owner(kind, offered) == info.name
            ]
            for kind, offered in named:
                yield from _offer(registry, kind, offered)


def meant(word: str) -> tuple[str, ...]:
    """What -p would have to name. The folders of a distribution that is meant by its path go to the front of the import path."""
    known = [
        point
        for point in entry_points()
        if word in (point.name, point.target) or normalized(word) == point.distribution
    ]
    path = Path(word).expanduser()
    if (known and "/" not in word and os.sep not in word) or not path.exists():
        if not known and ("/" in word or word.endswith(".py")):
            raise UsageError(f"there is no file {word}")
        if not known and not _is_module(word):
            raise UsageError(
                f"no plugin, distribution, module or file is called {word!r}", hint="seqshell plugins list"
            )
        return tuple(dict.fromkeys(point.name for point in known)) or (word,)
    path = path.resolve()
    if not (path / "pyproject.toml").is_file():
        if path.is_dir() and not (path / "__init__.py").is_file():
            raise UsageError(f"{word} is a folder with neither pyproject.toml nor __init__.py")
        return (str(path),)
    try:
        project = tomllib.loads((path / "pyproject.toml").read_text("utf-8")).get("project", {})
        targets = [str(target) for target in project.get("entry-points", {}).get("seqshell", {}).values()]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise UsageError(f"{word}/pyproject.toml: {error}") from None
    if not targets:
        raise UsageError(
            f"{word}/pyproject.toml has no entry point in the group seqshell",
            hint='[project.entry-points.seqshell] NAME = "MODULE"',
        )
    sys.path[:0] = [str(folder) for folder in (path, path / "src") if folder.is_dir()]
    return tuple(target.partition("[")[0].strip() for target in targets)


def _is_module(word: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(word) is not None
    except (ImportError, ValueError):
        return False


def _load(words: Sequence[str]) -> Registry:
    return load_registry(replace(Policy.read(no_plugins=True, extra=words), strict=False))


def _active(registry: Registry, names: Sequence[str] = ()) -> list[PluginInfo]:
    """The plugins of others that were asked for, and the built-in ones that are named."""
    return [info for info in registry.plugins if info.state != "disabled" and (not info.builtin or info.name in names)]


def _plugin(registry: Registry, info: PluginInfo) -> Checked:
    problems = [problem for problem in registry.problems if problem.plugin == info.name]
    checks = [Check("it is imported, and its hooks and what they offer fit", problems[0].message if problems else "")]
    if info.state == "loaded":
        slow = any(f" {info.name} imports torch" in text for text in registry.warnings)
        seen = (
            f"{info.import_ms:,.0f} ms at every start; give what needs torch a module of its own, named as text"
            if slow
            else ""
        )
        checks.append(Check("torch is not imported at module level", seen, is_warning=True))
    return Checked("plugin", info.name, tuple(checks), problems[0].details if problems else "")


def _offer(registry: Registry, kind: str, name: str) -> Iterator[Checked]:
    """The result for one thing; nothing for an alias of a command."""
    try:
        thing: Any = registry.lookup(kind, name)
    except PluginError as error:
        yield Checked(
            kind, name, (Check("its target is imported, and is what it should be", error.message),), error.details
        )
        return
    if kind != "command" or name.rpartition("/")[2] == thing.name:
        yield Checked(kind, name, tuple(check_offer(kind, thing)))


def _lines(result: Checked) -> str:
    lines = [f"{result.kind} {result.name}"]
    for check in result.checks:
        word = "pass" if not check.seen else "warning" if check.is_warning else "FAIL"
        lines.append(f"  {word:<8}{check.rule}")
        lines += [f"          seen: {check.seen}"] if check.seen else []
        lines += [f"          smallest case: {check.case}"] if check.case else []
    return "\n".join([*lines, *(f"    {line}" for line in result.details.splitlines()), ""])


def _json(result: Checked) -> Mapping[str, Any]:
    rules = [
        {
            "rule": check.rule,
            "passed": check.passed,
            "warning": check.is_warning and bool(check.seen),
            "seen": check.seen,
            "case": check.case,
        }
        for check in result.checks
    ]
    return {"kind": result.kind, "name": result.name, "rules": rules, "details": result.details}
