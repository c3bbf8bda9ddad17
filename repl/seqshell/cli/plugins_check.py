"""`seqshell plugins check`: checks everything a plugin offers against the rules in seqshell.testing."""

from __future__ import annotations

import contextlib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from seqshell.cli.json_lines import one_line
from seqshell.core.errors import PluginError, UsageError
from seqshell.core.named_files import named_path, read_bytes, shown_name
from seqshell.core.paths import recipes_in
from seqshell.core.plugin_api import settings_of
from seqshell.core.sanitize import safe
from seqshell.core.text_output import counted
from seqshell.host import PluginInfo, Policy, Registry, entry_points, resolve
from seqshell.host.builtin import load_registry
from seqshell.host.entry_points import normalized
from seqshell.testing.check import Check, try_rule
from seqshell.testing.contract import KINDS, check_offer, check_recipe
from seqshell.testing.hook_rules import hook_rules


@dataclass(frozen=True)
class CheckedOffer:
    """The checks of one thing that a plugin offers, or of the plugin itself (kind "plugin"). details: a traceback."""

    kind: str
    name: str
    checks: tuple[Check, ...]
    details: str = ""

    @property
    def num_failed(self) -> int:
        return sum(not check.passed and not check.after for check in self.checks)

    @property
    def num_skipped(self) -> int:
        return sum(bool(check.after) for check in self.checks)


def check_command(
    plugin: str, extra: Sequence[str], *, as_json: bool, settings: Mapping[str, Any] = MappingProxyType({})
) -> int:
    """Check a plugin and everything it offers, and print the result of each check. Returns 1 if one failed, else 0.

    plugin: the name of an installed plugin or distribution, a module, or the path of a file, package or distribution.
    extra: plugins of -p; they are loaded but not checked. settings: of the architectures that have them.
    Raises UsageError if there is no such plugin.
    """
    results: list[CheckedOffer] = []
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints does not belong to the output
        for result in check_plugin(plugin, extra, settings):
            results.append(result)
            if not as_json:
                out.write(safe(_lines(result)))
    num_failed = sum(result.num_failed for result in results)
    num_skipped = sum(result.num_skipped for result in results)
    if as_json:
        out.write(
            one_line({"plugin": plugin, "failed": num_failed, "offers": [_json(result) for result in results]}) + "\n"
        )
    else:
        checks = [check for result in results for check in result.checks]
        num_warnings = sum(check.is_warning and bool(check.seen) for check in checks)
        passed = f"{num_failed} of {len(checks)} checks failed" if num_failed else f"all {len(checks)} checks passed"
        passed += f", {num_skipped} not tried" if num_skipped else ""
        warnings = f", {counted(num_warnings, 'warning')}" if num_warnings else ""
        out.write(f"{passed}{warnings}\n")
    return int(bool(num_failed))


def check_plugin(
    plugin: str, extra: Sequence[str] = (), settings: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[CheckedOffer]:
    """Yield the checks of each plugin that the name stands for: of the plugin itself, then of each thing it offers.

    settings: of the architectures that have them. UsageError if none has one of them.
    """
    unknown = dict(settings)
    targets = plugin_targets(plugin)
    extra = [each for each in extra if each not in targets and os.path.realpath(each) not in targets]
    others = {info.name for info in _active(_load(extra))} if extra else set()
    registry = _load((*extra, *targets))  # the plugins to check may import the extra ones
    for info in [info for info in _active(registry, targets) if info.name not in others]:
        yield _check_itself(registry, info)
        if info.state == "loaded":
            # Collected first: an offer that fails to import removes its plugin from the registry.
            offers = [
                (kind, offered)
                for kind in KINDS
                for offered in registry.offers(kind)
                if registry.owner(kind, offered) == info.name
            ]
            for kind, offered in offers:
                yield from _check_offer(registry, kind, offered, settings, unknown)
            for name, path in recipes_in(registry.folders("seqshell_recipes", info.name)).items():
                yield CheckedOffer("recipe", name, tuple(check_recipe(path, registry)))
            if rules := list(hook_rules(registry, info.name)):
                yield CheckedOffer("hooks", info.name, tuple(try_rule(rule, holds) for rule, holds in rules))
    if unknown:
        raise UsageError(f"no architecture of {plugin} has the setting {shown_name(next(iter(unknown)))}")


def plugin_targets(plugin: str) -> tuple[str, ...]:
    """Return what -p would name. Puts the source folders of a distribution's folder on the import path."""
    known = [
        point
        for point in entry_points()
        if plugin in (point.name, point.target) or normalized(plugin) == point.distribution
    ]
    path = named_path(plugin)
    if (known and "/" not in plugin and os.sep not in plugin) or not path.exists():
        if not known and ("/" in plugin or plugin.endswith(".py")):
            raise UsageError(f"no file {shown_name(plugin)}")
        if not known and not _is_module(plugin):
            raise UsageError(
                f"no plugin, distribution, module or file named {shown_name(plugin)!r}",
                hint="seqshell plugins lists them",
            )
        return tuple(dict.fromkeys(point.name for point in known)) or (plugin,)
    path = path.resolve()
    if not (path / "pyproject.toml").is_file():
        if path.is_dir() and not (path / "__init__.py").is_file():
            raise UsageError(f"{plugin} contains neither pyproject.toml nor __init__.py")
        return (str(path),)
    try:
        project = tomllib.loads(read_bytes(path / "pyproject.toml").decode("utf-8")).get("project", {})
        targets = [str(target) for target in project.get("entry-points", {}).get("seqshell", {}).values()]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise UsageError(f"{plugin}/pyproject.toml: {error}") from None
    if not targets:
        raise UsageError(
            f"{plugin}/pyproject.toml has no entry point in the group seqshell",
            hint='[project.entry-points.seqshell] NAME = "MODULE"',
        )
    sys.path[:0] = [str(folder) for folder in (path, path / "src") if folder.is_dir()]
    return tuple(target.partition("[")[0].strip() for target in targets)


def _is_module(plugin: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(plugin) is not None
    except (ImportError, ValueError):
        return False


def _load(targets: Sequence[str]) -> Registry:
    return load_registry(replace(Policy.read(no_plugins=True, extra=targets), strict=False))


def _active(registry: Registry, names: Sequence[str] = ()) -> list[PluginInfo]:
    """Return the enabled third-party plugins, and the built-in ones in `names`."""
    return [info for info in registry.plugins if info.state != "disabled" and (not info.builtin or info.name in names)]


def _check_itself(registry: Registry, info: PluginInfo) -> CheckedOffer:
    problems = [problem for problem in registry.problems if problem.plugin == info.name]
    checks = [Check("it can be imported, and its hooks and offers are valid", problems[0].message if problems else "")]
    if info.state == "loaded":
        slow = any(f" {info.name} imports torch" in text for text in registry.warnings)
        seen = (
            f"{info.import_ms:,.0f} ms at every start; move what needs torch to another module and offer it as a string"
            if slow
            else ""
        )
        checks.append(Check("torch is not imported at module level", seen, is_warning=True))
    return CheckedOffer("plugin", info.name, tuple(checks), problems[0].details if problems else "")


def _check_offer(
    registry: Registry, kind: str, name: str, settings: Mapping[str, Any], unknown: dict[str, Any]
) -> Iterator[CheckedOffer]:
    """Yield the checks of one offer; nothing for an alias of a command.

    settings: of an architecture; those that it has are removed from `unknown`.
    """
    try:
        thing: Any = registry.lookup(kind, name)
    except PluginError as error:
        yield CheckedOffer(
            kind, name, (Check("its target can be imported and has the right type", error.message),), error.details
        )
        return
    if kind != "command" or name.rpartition("/")[2] == thing.name:
        own: dict[str, Any] = {}
        if kind == "architecture" and settings:
            known = {item.name for item in settings_of(resolve(thing.config))}
            own = {key: value for key, value in settings.items() if key in known}
            for key in own:
                unknown.pop(key, None)
        yield CheckedOffer(kind, name, tuple(check_offer(kind, thing, own)))


def _lines(result: CheckedOffer) -> str:
    lines = [f"{result.kind} {result.name}"]
    for check in result.checks:
        status = "skip" if check.after else "pass" if not check.seen else "warning" if check.is_warning else "FAIL"
        lines.append(f"  {status:<8}{check.rule}{'; not tried, it fails as above' if check.after else ''}")
        lines += [f"          found: {check.seen}"] if check.seen else []
        lines += [f"          smallest failing case: {check.case}"] if check.case else []
    return "\n".join([*lines, *(f"    {line}" for line in result.details.splitlines()), ""])


def _json(result: CheckedOffer) -> Mapping[str, Any]:
    rules = [
        {
            "rule": check.rule,
            "passed": check.passed,
            "warning": check.is_warning and bool(check.seen),
            "seen": check.seen,
            "case": check.case,
            **({"not_tried_after": check.after} if check.after else {}),
        }
        for check in result.checks
    ]
    return {"kind": result.kind, "name": result.name, "rules": rules, "details": result.details}
