"""Checks of everything that a plugin can offer, for the plugin's own tests.

def test_my_plugin_keeps_the_contract():
    assert not failed(check_architecture(architecture))
    assert not failed(check_sampler(TopA))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from seqshell.core.errors import SeqshellError
from seqshell.core.model import Architecture
from seqshell.core.plugin_api import Command, build
from seqshell.host import Registry, resolve
from seqshell.testing.architecture_rules import Built, broken, built, rules_of, saved_as_json
from seqshell.testing.check import Check, try_rule, try_rules
from seqshell.testing.checked_configs import choices, sizes_of, small_config, small_sizes
from seqshell.testing.command_rules import command_rules
from seqshell.testing.importer_rules import importer_rules
from seqshell.testing.sampler_rules import sampler_rules
from seqshell.testing.strategy_rules import strategy_rules
from seqshell.testing.tokenizer_rules import tokenizer_rules

__all__ = [
    "KINDS",
    "Check",
    "check_architecture",
    "check_command",
    "check_data",
    "check_importer",
    "check_offer",
    "check_recipe",
    "check_sampler",
    "check_strategy",
    "check_tokenizer",
    "failed",
]


def failed(checks: Iterable[Check]) -> list[str]:
    """Return the failed checks, one line each; those that were not tried are left out."""
    return [str(check) for check in checks if not check.passed and not check.after]


def check_architecture(architecture: Architecture, config: Mapping[str, Any] | None = None) -> list[Check]:
    """Build models with seeded random weights and check their modules, as the host wraps them, and their own decoders.

    config: settings instead of small ones; a vocabulary needs at least 6 tokens. Without it, each choice of a setting
    is checked, too, on a few steps, and each of the architecture's `examples`. Imports torch.
    """
    offered, sizes = resolve(architecture.config), sizes_of(architecture)
    model: Built | None = None

    def build_all() -> str:
        nonlocal model
        settings = small_config(architecture) if config is None else build(offered, {**sizes, **config})
        model = built(architecture, settings)
        return ""

    checks = [try_rule("it can be built from its settings", build_all)]
    if model is None:
        return checks
    if len(architecture.decoders) > 1:
        num_missing = len(architecture.decoders) - len(model.own)
        seen = (
            f"{num_missing} of {len(architecture.decoders)} cannot be imported and are not checked"
            if num_missing
            else ""
        )
        checks.append(Check("each of its decoders can be imported", seen, is_warning=True))
    checks += _of_model(architecture, model)
    if config is None:
        for settings in choices(architecture, model.config):
            checks.append(_with(architecture, settings, is_optional=True))
        for settings in architecture.examples:
            checks.append(_with(architecture, settings, is_optional=False))
    return checks


def _of_model(architecture: Architecture, model: Built, *, few_steps: bool = False) -> list[Check]:
    """The check of each rule for one config. few_steps: long inputs are not tried."""
    from seqshell.testing.training_rules import training_rules

    rules = (rule._replace(is_long=rule.is_long and not few_steps) for rule in rules_of(architecture, model))
    of_model = ((rule.title, partial(broken, architecture, model, rule)) for rule in rules)
    saved = partial(saved_as_json, architecture, model.config)
    of_training = training_rules(architecture, model.config, model.module)
    return try_rules(chain([("its config can be saved as JSON", saved)], of_model, of_training))


def _with(architecture: Architecture, settings: Mapping[str, Any], *, is_optional: bool) -> Check:
    """The check of all rules with some settings: the first rule that fails.

    is_optional: a choice of one setting, which is tried on a few steps; if the config refuses it beside the small
    settings, that is a warning.
    """
    title = f"the same with {', '.join(f'{name}={value!r}' for name, value in settings.items())}"
    try:
        config = small_config(architecture, settings)
    except SeqshellError as error:
        return Check(title, f"it could not be tried: {error.message}", is_warning=is_optional)
    model: Built | None = None

    def build_all() -> str:
        nonlocal model
        model = built(architecture, config)
        return ""

    checks = [try_rule("it can be built", build_all)]
    if model is not None:
        checks += _of_model(architecture, model, few_steps=is_optional)
    failing = next((check for check in checks if not check.passed), None)
    return Check(title, "" if failing is None else f"{failing.rule}: {failing.seen}", failing.case if failing else "")


def check_sampler(sampler: type[Any]) -> list[Check]:
    """Check a sampler's class, with its defaults and at the ends of each setting's range."""
    return try_rules(sampler_rules(sampler))


def check_strategy(strategy: type[Any]) -> list[Check]:
    """Check a strategy's class, with its defaults."""
    return try_rules(strategy_rules(strategy))


def check_tokenizer(tokenizer: type[Any]) -> list[Check]:
    """Check a tokenizer's class, trained on a small text."""
    return try_rules(tokenizer_rules(tokenizer))


def check_command(command: Command) -> list[Check]:
    """Check a command: run the example in its help on a small model."""
    return try_rules(command_rules(command))


def check_importer(importer: Any) -> list[Check]:
    """Check an importer, with small invalid files."""
    return try_rules(importer_rules(importer))


def check_data(make: Callable[[], Any]) -> list[Check]:
    """Check a function that makes data: call it."""
    from seqshell.testing.data_rules import data_rules

    return try_rules(data_rules(make))


def check_recipe(path: Path, registry: Registry) -> list[Check]:
    """Check a recipe: read it and its data. registry: with what it needs."""
    from seqshell.testing.data_rules import recipe_rules

    return try_rules(recipe_rules(path, registry))


KINDS: Mapping[str, Callable[[Any], list[Check]]] = {
    "architecture": check_architecture,
    "sampler": check_sampler,
    "strategy": check_strategy,
    "tokenizer": check_tokenizer,
    "command": check_command,
    "importer": check_importer,
    "data": check_data,
}


def check_offer(kind: str, offered: Any, settings: Mapping[str, Any] | None = None) -> list[Check]:
    """Check something that a plugin offers. kind: one of KINDS. settings: of an architecture, beside small sizes."""
    if kind == "architecture" and settings:
        return check_architecture(offered, {**small_sizes(offered), **settings})
    return KINDS[kind](offered)
