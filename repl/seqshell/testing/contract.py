"""Checks of everything that a plugin can offer, for the plugin's own tests.

def test_my_plugin_keeps_the_contract():
    assert not failed(check_architecture(architecture))
    assert not failed(check_sampler(TopA))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from seqshell.core.model import Architecture
from seqshell.core.plugin_api import Command, build
from seqshell.host import Registry, resolve
from seqshell.testing.architecture_rules import Built, built, rules_of, saved_as_json, sizes_of, small_config, smallest
from seqshell.testing.check import Check, attempt, try_rule
from seqshell.testing.command_rules import command_rules
from seqshell.testing.importer_rules import importer_rules
from seqshell.testing.sampler_rules import sampler_rules
from seqshell.testing.strategy_rules import strategy_rules
from seqshell.testing.task_examples import task_example
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
    """Return the failed checks, one line each."""
    return [str(check) for check in checks if not check.passed]


def check_architecture(architecture: Architecture, config: Mapping[str, Any] | None = None) -> list[Check]:
    """Build a model with seeded random weights and check its module, as the host wraps it, and its own decoders.

    config: settings instead of small ones; vocabularies must not be smaller than in the task's example. Imports torch.
    """
    model: Built | None = None

    def build_all() -> str:
        nonlocal model
        if config is None:
            settings = small_config(architecture)
        else:
            settings = build(resolve(architecture.config), {**sizes_of(architecture), **config})
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
    checks.append(try_rule("its config can be saved as JSON", partial(saved_as_json, architecture, model.config)))
    example = task_example(architecture.task).inputs()
    for rule, holds in rules_of(architecture, model):
        seen = attempt(partial(holds, model, example))
        checks.append(Check(rule, *(smallest(architecture, model, holds, example, seen) if seen else ())))
    from seqshell.testing.training_rules import training_rules

    rules = training_rules(architecture, model.config, model.module)
    return checks + [try_rule(rule, holds) for rule, holds in rules]


def check_sampler(sampler: type[Any]) -> list[Check]:
    """Check a sampler's class, with its defaults and at the ends of each setting's range."""
    return [try_rule(rule, holds) for rule, holds in sampler_rules(sampler)]


def check_strategy(strategy: type[Any]) -> list[Check]:
    """Check a strategy's class, with its defaults."""
    return [try_rule(rule, holds) for rule, holds in strategy_rules(strategy)]


def check_tokenizer(tokenizer: type[Any]) -> list[Check]:
    """Check a tokenizer's class, trained on a small text."""
    return [try_rule(rule, holds) for rule, holds in tokenizer_rules(tokenizer)]


def check_command(command: Command) -> list[Check]:
    """Check a command: run the example in its help on a small model."""
    return [try_rule(rule, holds) for rule, holds in command_rules(command)]


def check_importer(importer: Any) -> list[Check]:
    """Check an importer, with small invalid files."""
    return [try_rule(rule, holds) for rule, holds in importer_rules(importer)]


def check_data(make: Callable[[], Any]) -> list[Check]:
    """Check a function that makes data: call it."""
    from seqshell.testing.data_rules import data_rules

    return [try_rule(rule, holds) for rule, holds in data_rules(make)]


def check_recipe(path: Path, registry: Registry) -> list[Check]:
    """Check a recipe: read it and its data. registry: with what it needs."""
    from seqshell.testing.data_rules import recipe_rules

    return [try_rule(rule, holds) for rule, holds in recipe_rules(path, registry)]


KINDS: Mapping[str, Callable[[Any], list[Check]]] = {
    "architecture": check_architecture,
    "sampler": check_sampler,
    "strategy": check_strategy,
    "tokenizer": check_tokenizer,
    "command": check_command,
    "importer": check_importer,
    "data": check_data,
}


def check_offer(kind: str, offered: Any) -> list[Check]:
    """Check something that a plugin offers. kind: one of KINDS."""
    return KINDS[kind](offered)
