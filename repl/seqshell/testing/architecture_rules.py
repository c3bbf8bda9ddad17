"""The rules for an architecture, by its task and whether it is causal, and the search for the smallest failing case."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from seqshell.core.decoder import Decoder
from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.model import Architecture, own_method
from seqshell.core.plugin_api import settings_of
from seqshell.core.plugin_guard import WrongReturn, reason_and_place
from seqshell.core.state import is_opaque, leaves
from seqshell.host import resolve
from seqshell.models.building import read_config
from seqshell.models.decoder_checks import WatchedDecoder, watched_decoder
from seqshell.models.decoders import decoders_of
from seqshell.models.task_parts.parts import parts_of
from seqshell.testing.block_rules import blocks
from seqshell.testing.check import Finding, Raised, attempt, is_alike
from seqshell.testing.checked_configs import sizes_of
from seqshell.testing.decoder_rules import (
    CAUSAL_RULES,
    DECODER_RULES,
    EQUAL,
    equal_features,
    equals,
    grows_along_an_axis,
    opaque_leaves,
    outputs_of_states,
    own_features,
    shapes_kept,
    traced,
)
from seqshell.testing.examples import LONG_BATCH, LONG_STEPS, Example
from seqshell.testing.surprisal_rules import outputs_of_steps, surprisals
from seqshell.testing.tagging_rules import token_outputs
from seqshell.testing.task_examples import task_example

FEW = 17  # steps up to which every number is tried


@dataclass(frozen=True)
class Built:
    """A model with seeded weights: config, torch module, the module as the host wraps it, own decoders by name."""

    config: Any
    module: Any
    wrapped: Decoder
    own: Mapping[str, WatchedDecoder]


Holds = Callable[[Built, Example], str]  # returns what was found instead, or an empty text


class Rule(NamedTuple):
    """A rule. is_long: it is tried on many steps, too."""

    title: str
    holds: Holds
    is_long: bool = False


def built(architecture: Architecture, config: Any) -> Built:
    """Build a model. Raises whatever the plugin raises."""
    from seqshell.models.torch_decoder import wrap_module
    from seqshell.testing import module_rules
    from seqshell.training.checked_module import checked_module

    module: Any = checked_module(module_rules.example_module(architecture, config), architecture, config)
    weights = module_rules.weights_of(module)
    own: dict[str, WatchedDecoder] = {}
    for name, make in decoders_of(architecture):
        try:
            own[name] = watched_decoder(make(config, weights))
        except Exception as error:
            raise PluginError(f"the decoder {name} cannot be built: {reason_and_place(error)}") from error
    wrapped = wrap_module(architecture, module)
    return Built(config, module, wrapped, own)


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


def rules_of(architecture: Architecture, model: Built) -> Iterator[Rule]:
    """Yield each rule for a module, as the host wraps it, and its own decoders."""
    from seqshell.testing import module_rules
    from seqshell.training.chunked_loss import has_halves

    rules = dict(DECODER_RULES)
    if architecture.grows:
        rules["each leaf of a state keeps its shape, or grows along one axis after what it was"] = grows_along_an_axis
    else:
        rules["the leaves of a state keep their shapes"] = shapes_kept
    if architecture.causal:
        rules |= CAUSAL_RULES
    for_task, reads_tokens = task_example(architecture.task), parts_of(architecture.task).is_per_token
    rules |= for_task.decoder_rules
    for rule, holds in rules.items():
        yield Rule(f"module: {rule}", partial(_of_wrapped, holds), rule in CAUSAL_RULES)
    if architecture.causal:
        yield Rule(
            "module: its output at each step equals that of reading up to this step",
            lambda model, example: module_rules.every_step(model.module, model.wrapped, example),
            is_long=True,
        )
    else:
        one = "token, [B, T, ...]" if reads_tokens else "text, [B, 1, ...]"
        yield Rule(
            f"module: it gives one output per {one}, and its state is ()",
            partial(_of_module, partial(module_rules.whole_texts, is_per_token=reads_tokens)),
        )
    yield Rule(
        "module: saving and loading do not change its outputs",
        lambda model, example: module_rules.saved(architecture, model.config, model.module, example),
    )
    if hasattr(model.module, "count"):
        yield Rule("module: counting a text makes it more likely", partial(_of_module, module_rules.counts))
    else:
        yield Rule(
            "module: its loss has finite gradients, and training can continue from the detached state",
            partial(_of_module, module_rules.learns),
        )
    if has_halves(model.module):
        yield Rule(
            "module: its hidden_states and logits together are its forward", partial(_of_module, module_rules.halves)
        )
    agree = "its state_outputs equal the outputs of the call that returned the state"
    if own_method(model.module, "state_outputs", "state"):
        yield Rule(f"module: {agree}", partial(_of_wrapped, outputs_of_states))
    same_trace = "its trace has the outputs, states and gates of single steps"
    if architecture.causal and own_method(model.module, "trace", "inputs", "state"):
        yield Rule(f"module: {same_trace}", partial(_of_wrapped, traced))
    for rule, target in for_task.module_rules.items():
        yield Rule(f"module: {rule}", partial(_of_module, resolve(target)))
    has_features = any(own_method(each, "features", "state") for each in (model.module, *model.own.values()))
    features = "its features are floats [B, D], of each row alone"
    if has_features:
        yield Rule(f"module: {features}", partial(_of_wrapped, own_features))
    for name in model.own:
        title = f"decoder {name}" if len(architecture.decoders) > 1 else "decoder"
        for rule, holds in rules.items():
            yield Rule(f"{title}: {rule}", partial(_of_own, name, holds), rule in CAUSAL_RULES)
        same = f"equal the module's within {EQUAL:g}"
        yield Rule(f"{title}: its outputs {same}", partial(_equals, name, equals), architecture.causal)
        if model.own[name].tells_outputs:
            yield Rule(f"{title}: {agree}", partial(_of_own, name, outputs_of_states))
        if architecture.causal and model.own[name].traces:
            yield Rule(f"{title}: {same_trace}", partial(_of_own, name, traced))
        if model.own[name].draws_blocks:
            rule = f"{title}: its draw_block draws the tokens of single steps, with the same outputs and states"
            yield Rule(rule, partial(_of_own, name, blocks))
        if model.own[name].has_outputs_of_steps:
            rule = f"{title}: its outputs_of_steps, and the state after them, have the bits of single steps"
            yield Rule(rule, partial(_of_own, name, outputs_of_steps))
        if model.own[name].has_token_outputs or (reads_tokens and not architecture.causal):
            rule = f"{title}: its token_outputs {same}, whatever the padding"
            yield Rule(rule, partial(_equals, name, token_outputs))
        if model.own[name].has_surprisals:
            rule = f"{title}: its surprisals, and the state after them, are those of single steps"
            yield Rule(rule, partial(_of_own, name, surprisals))
        if model.own[name].has_precisions:
            rule = f"{title}: with weights in bf16 or int8 its outputs are as near the module's as rounding explains"
            yield Rule(rule, partial(_in_precisions, architecture, name))
        if attempt(partial(_has_opaque, model.own[name])):
            rule = f"{title}: opaque leaves give their rows, and are the same after to_numpy and from_numpy"
            yield Rule(rule, partial(_of_own, name, opaque_leaves))
        if has_features:
            yield Rule(f"{title}: {features}", partial(_of_own, name, own_features))
            yield Rule(f"{title}: its features {same}", partial(_equals, name, equal_features))


def broken(architecture: Architecture, model: Built, rule: Rule) -> Finding:
    """Try a rule on a few steps and, if it is long, on LONG_STEPS; what was found, with the smallest failing case.

    What a method must return does not depend on the case, so it has none.
    """
    from seqshell.testing.module_rules import rounding

    task = task_example(architecture.task)
    example = task.inputs(model.config)
    seen = attempt(partial(rule.holds, model, example))
    if not seen and rule.is_long and architecture.causal:
        example = task.inputs(model.config, LONG_STEPS).rows(slice(LONG_BATCH))

        def holds() -> str:
            nonlocal example
            example = replace(example, rounding=rounding(model.module, example))
            return rule.holds(model, example)

        seen = attempt(holds)
    if not seen or (isinstance(seen, Raised) and issubclass(seen.kind, WrongReturn)):
        return Finding(seen)
    return Finding(*smallest(architecture, model, rule.holds, example, seen))


def smallest(architecture: Architecture, model: Built, rule: Holds, example: Example, seen: str) -> tuple[str, str]:
    """Find the smallest failing case: fewest rows, then steps, then source ids, then the smallest config.

    Returns what was found and a description of the case. seen: the failure of the full example; a smaller case counts
    only if it raises the same kind of exception, or none.
    """

    def breaks(other: Built, smaller: Example) -> str:
        found = attempt(partial(rule, other, smaller))
        return found if is_alike(found, seen) else ""

    example = _fewer(lambda smaller: breaks(model, smaller), example)
    for config in _smaller(architecture, model.config):
        try:
            other = built(architecture, dataclasses.replace(model.config, **config))
        except Exception:  # invalid: too small
            continue
        if breaks(other, example):
            model = other
    example = _fewer(lambda smaller: breaks(model, smaller), example)
    seen = breaks(model, example) or seen
    return (
        seen,
        f"{example}, {', '.join(f'{name}={value!r}' for name, value in dataclasses.asdict(model.config).items())}",
    )


def _fewer(breaks: Callable[[Example], str], example: Example) -> Example:
    """The example with the fewest rows, then steps, then source ids that break something."""
    size = [example.batch, example.steps, int(example.sources.shape[1])]
    for axis, most in enumerate(size):

        def breaks_with(number: int, axis: int = axis) -> str:
            return breaks(example.cut(*(number if each == axis else size[each] for each in range(3))))

        size[axis] = fewest(breaks_with, most)
    return example.cut(*size)


def fewest(breaks: Callable[[int], str], most: int) -> int:
    """The smallest number below `most` that breaks something; `most` if none does.

    Above FEW, some are left out: twice as many each time, and then those between, by halves.
    """
    for number in range(1, min(most, FEW)):
        if breaks(number):
            return number
    holds, number = FEW - 1, 2 * FEW
    while number < most and not breaks(number):
        holds, number = number, 2 * number
    number = min(number, most)
    while number - holds > 1:
        middle = (holds + number) // 2
        holds, number = (holds, middle) if breaks(middle) else (middle, number)
    return number


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


def _in_precisions(architecture: Architecture, name: str, model: Built, example: Example) -> str:
    from seqshell.testing.precision_rules import in_precisions

    return in_precisions(architecture, model.own[name], model.module, example)


def _equals(name: str, holds: Callable[[Decoder, Decoder, Example], str], model: Built, example: Example) -> str:
    return holds(model.own[name], model.wrapped, example)
