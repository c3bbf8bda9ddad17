"""The rules for an architecture, by its task and whether it is causal, and the search for the smallest failing case."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from seqshell.core.decoder import Decoder
from seqshell.core.errors import PluginError, SeqshellError, UsageError, reason_of
from seqshell.core.model import Architecture, own_method
from seqshell.core.plugin_api import build, settings_of
from seqshell.core.state import is_opaque, leaves
from seqshell.host import resolve
from seqshell.models.building import read_config
from seqshell.models.decoders import decoders_of
from seqshell.testing.check import attempt, exception_name
from seqshell.testing.decoder_rules import (
    CAUSAL_RULES,
    DECODER_RULES,
    EQUAL,
    equal_features,
    equals,
    opaque_leaves,
    own_features,
)
from seqshell.testing.examples import Example
from seqshell.testing.task_examples import task_example

# Values for settings with these names, instead of their defaults.
SMALL = {
    "embed_size": 12,
    "encoder_size": 8,
    "hidden_size": 16,
    "num_layers": 2,
    "attention_size": 8,
    "table_size": 1000,
}


@dataclass(frozen=True)
class Built:
    """A model with seeded weights: config, torch module, the module as the host wraps it, own decoders by name."""

    config: Any
    module: Any
    wrapped: Decoder
    own: Mapping[str, Decoder]


Rule = Callable[[Built, Example], str]


def built(architecture: Architecture, config: Any) -> Built:
    """Build a model. Raises whatever the plugin raises."""
    from seqshell.models.torch_decoder import wrap_module
    from seqshell.testing import module_rules

    module: Any = module_rules.example_module(architecture, config)
    weights = module_rules.weights_of(module)
    own: dict[str, Decoder] = {}
    for name, make in decoders_of(architecture):
        try:
            own[name] = make(config, weights)
        except Exception as error:
            raise PluginError(f"the decoder {name} cannot be built: {reason_of(error)}") from error
    wrapped = wrap_module(architecture, module)
    return Built(config, module, wrapped, own)


def sizes_of(architecture: Architecture) -> Mapping[str, int]:
    """The fields of a config that the host fills in."""
    sizes = task_example(architecture.task).sizes
    return {**sizes, "source_vocab_size": sizes["target_vocab_size"]} if architecture.shares_vocabulary else sizes


def small_config(architecture: Architecture) -> Any:
    """Return a config with small sizes or, if they are invalid, its defaults. Raises UsageError if both are invalid."""
    offered = resolve(architecture.config)
    known = {item.name for item in settings_of(offered)}
    sizes = sizes_of(architecture)
    try:
        return build(offered, {**sizes, **{name: value for name, value in SMALL.items() if name in known}})
    except UsageError:
        return build(offered, sizes)


def saved_as_json(architecture: Architecture, config: Any) -> str:
    """The config of a checkpoint is saved as JSON."""
    values = dataclasses.asdict(config)
    for name, value in values.items():
        try:
            kept = json.loads(json.dumps({name: value}, allow_nan=False))
        except (TypeError, ValueError) as error:
            return f"{name}={value!r} cannot be written as JSON: {error}"
        try:
            back = getattr(read_config(architecture, {**values, **kept}), name)
        except SeqshellError as error:
            return f"{name}={value!r} becomes {kept[name]!r} in JSON, which is invalid: {error.message}"
        if back != getattr(config, name):
            return f"{name}={getattr(config, name)!r} is loaded as {back!r}"
    return ""


def rules_of(architecture: Architecture, model: Built) -> Iterator[tuple[str, Rule]]:
    """Yield each rule with a function that tries it and returns what was found instead, if it fails."""
    from seqshell.testing import module_rules
    from seqshell.training.chunked_loss import has_halves

    rules = dict(DECODER_RULES)
    if architecture.causal:
        rules |= CAUSAL_RULES
    for_task = task_example(architecture.task)
    rules |= for_task.decoder_rules
    for rule, holds in rules.items():
        yield f"module: {rule}", partial(_of_wrapped, holds)
    if architecture.causal:
        yield (
            "module: its output at each step equals that of reading up to this step",
            lambda model, example: module_rules.every_step(model.module, model.wrapped, example),
        )
    else:
        yield (
            "module: it gives one output per text, [B, 1, ...], and its state is ()",
            partial(_of_module, module_rules.whole_texts),
        )
    yield (
        "module: saving and loading do not change its outputs",
        lambda model, example: module_rules.saved(architecture, model.config, model.module, example),
    )
    if hasattr(model.module, "count"):
        yield "module: counting a text makes it more likely", partial(_of_module, module_rules.counts)
    else:
        yield (
            "module: its loss has finite gradients, and training can continue from the detached state",
            partial(_of_module, module_rules.learns),
        )
    if has_halves(model.module):
        yield "module: its hidden_states and logits together are its forward", partial(_of_module, module_rules.halves)
    for rule, target in for_task.module_rules.items():
        yield f"module: {rule}", partial(_of_module, resolve(target))
    has_features = any(own_method(each, "features") for each in (model.module, *model.own.values()))
    if has_features:
        yield "module: its features are floats [B, D], of each row alone", partial(_of_wrapped, own_features)
    for name in model.own:
        title = f"decoder {name}" if len(architecture.decoders) > 1 else "decoder"
        for rule, holds in rules.items():
            yield f"{title}: {rule}", partial(_of_own, name, holds)
        yield f"{title}: its outputs equal the module's within {EQUAL:g}", partial(_equals, name, equals)
        if attempt(partial(_has_opaque, model.own[name])):
            rule = f"{title}: opaque leaves give their rows, and are the same after to_numpy and from_numpy"
            yield rule, partial(_of_own, name, opaque_leaves)
        if has_features:
            yield f"{title}: its features are floats [B, D], of each row alone", partial(_of_own, name, own_features)
            yield f"{title}: its features equal the module's within {EQUAL:g}", partial(_equals, name, equal_features)


def smallest(architecture: Architecture, model: Built, rule: Rule, example: Example, seen: str) -> tuple[str, str]:
    """Find the smallest failing case: fewest rows, then steps, then source ids, then the smallest config.

    Returns what was found and a description of the case. seen: the failure of the full example; a smaller case counts
    only if it raises the same kind of exception, or none.
    """

    def breaks(other: Built, smaller: Example) -> str:
        found = attempt(partial(rule, other, smaller))
        return found if exception_name(found) == exception_name(seen) else ""

    size = [example.batch, example.steps, int(example.sources.shape[1])]
    for axis, most in enumerate(size):
        for less in range(1, most):
            size[axis] = less
            if found := breaks(model, example.cut(*size)):
                seen = found
                break
        else:
            size[axis] = most
    example = example.cut(*size)
    for config in _smaller(architecture, model.config):
        try:
            other = built(architecture, dataclasses.replace(model.config, **config))
        except Exception:  # invalid: too small
            continue
        if found := breaks(other, example):
            seen, model = found, other
    return (
        seen,
        f"{example}, {', '.join(f'{name}={value!r}' for name, value in dataclasses.asdict(model.config).items())}",
    )


def _smaller(architecture: Architecture, config: Any) -> Iterator[dict[str, int]]:
    """Yield smaller values of each size that the host does not set, one at a time, smallest last."""
    sizes = sizes_of(architecture)
    for item in settings_of(type(config)):
        value = getattr(config, item.name)
        if item.name not in sizes and item.kind is int and value > 0:
            lowest = max(1, int(item.low or 0))
            yield from ({item.name: less} for less in (2, 1) if lowest <= less < value)


def _has_opaque(decoder: Decoder) -> str:
    return "yes" if any(map(is_opaque, leaves(decoder.initial_state(1)))) else ""


def _of_wrapped(holds: Callable[[Decoder, Example], str], model: Built, example: Example) -> str:
    return holds(model.wrapped, example)


def _of_own(name: str, holds: Callable[[Decoder, Example], str], model: Built, example: Example) -> str:
    return holds(model.own[name], example)


def _of_module(holds: Callable[[Any, Example], str], model: Built, example: Example) -> str:
    return holds(model.module, example)


def _equals(name: str, holds: Callable[[Decoder, Decoder, Example], str], model: Built, example: Example) -> str:
    return holds(model.own[name], model.wrapped, example)
