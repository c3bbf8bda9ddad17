"""`seqshell plugins check`: checks everything a plugin offers against the rules in seqshell.testing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from seqshell.cli.plain_text import print_diagnostic
from seqshell.cli.progress import print_json
from seqshell.core.errors import PluginError, UsageError
from seqshell.core.named_files import shown_name
from seqshell.core.paths import recipes_in
from seqshell.core.plugin_api import settings_of
from seqshell.core.sanitize import safe
from seqshell.core.text_output import counted
from seqshell.host import PluginInfo, Policy, Registry, resolve
from seqshell.host.builtin import load_registry
from seqshell.host.finding import outside
from seqshell.host.requested import plugins_named
from seqshell.testing.check import Check
from seqshell.testing.contract import KINDS, check_offer, check_recipe
from seqshell.testing.hook_rules import check_hooks


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
        print_json({"plugin": plugin, "failed": num_failed, "offers": [_json(result) for result in results]})
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
    policy = replace(Policy.read(no_plugins=True, extra=(*extra, plugin)), strict=False)
    plugins_named(plugin, outside(policy))
    registry = load_registry(policy)  # the plugin to check comes last, since it may import the extra ones
    for text in registry.notices:
        print_diagnostic(sys.stderr, text)
    for info in [info for info in registry.plugins if plugin in info.named]:
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
            if checks := check_hooks(registry, info.name):
                yield CheckedOffer("hooks", info.name, tuple(checks))
    if unknown:
        raise UsageError(f"no architecture of {plugin} has the setting {shown_name(next(iter(unknown)))}")


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
