"""The rules that hold for every sampler, at its defaults and at the ends of each setting's range."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from seqshell.core.errors import UsageError
from seqshell.core.plugin_api import SAMPLER_STAGES, Setting, build, settings_of
from seqshell.core.sampling import Draw, Logits, SampleContext, Sampler
from seqshell.core.state import leaves
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host.validation import stage_trouble
from seqshell.testing.check import Found, attempt
from seqshell.testing.compare import apart

VOCABULARY = "abcdefghijk"
REPEATS = 5


def sampler_rules(offered: type[Any]) -> Iterator[tuple[str, Callable[[], str | Found]]]:
    """Each rule in words, with the function that tries it and returns how it was broken and where, or nothing."""
    yield "it is a frozen dataclass with a name", partial(_declared, offered)
    yield f"its stage is one of {', '.join(SAMPLER_STAGES)}", partial(stage_trouble, offered)
    for values in _variants(offered):
        words = " ".join(f"{name}={value}" for name, value in values.items()) or "by default"
        tries = partial(_first, offered, values)
        yield (
            f"{words}: [V] comes out, without NaN or inf and not all -inf; what was -inf stays so",
            partial(tries, _sound),
        )
        yield f"{words}: what goes in is not written to", partial(tries, _unwritten)
        yield (
            f"{words}: the same context gives the same logits; there is no chance but context.uniform(name)",
            partial(tries, _repeated),
        )
    neutral = {item.name: item.neutral for item in settings_of(offered) if item.neutral is not None}
    if neutral:
        words = " ".join(f"{name}={value!r}" for name, value in neutral.items())
        yield f"{words}, its neutral value, changes nothing", partial(_first, offered, neutral, _neutral)
    if hasattr(offered, "update"):
        yield (
            "its memory is of JSON values or arrays, and an older one is not written to",
            partial(_first, offered, {}, _memory),
        )


def _variants(offered: type[Any]) -> Iterator[Mapping[str, Any]]:
    yield {}
    for item in settings_of(offered):
        for value in _ends(item):
            if value is not None and value != item.default and _can_be(offered, {item.name: value}):
                yield {item.name: value}


def _can_be(offered: type[Any], values: Mapping[str, Any]) -> bool:
    """Whether a setting may be at the end of its range while the others are at their defaults: __post_init__ may refuse it."""
    try:
        build(offered, values)
    except UsageError:
        return False
    return True


def _ends(item: Setting) -> tuple[Any, ...]:
    if item.kind is bool:
        return (False, True)
    return item.choices or (item.low, item.high)


def _examples() -> Iterator[tuple[Logits, SampleContext]]:
    """Logits of every kind, with short and long histories, the smallest first."""
    for size, length in sorted(itertools.product((1, 2, 3, len(VOCABULARY)), (0, 1, 3, 50)), key=sum):
        random = np.random.default_rng(size)
        ids = np.arange(size)
        spread = random.normal(0, 3, size).round(2)
        holes = np.where(ids % 3 == 0, spread, -np.inf)
        tokens = tuple(random.integers(0, size, length).tolist())
        context = SampleContext(tokens, min(length, 20), length, CharTokenizer(VOCABULARY[:size]), draw=Draw(seed=1))
        for logits in (
            np.zeros(size),
            spread,
            np.where(ids == size // 2, 60.0, -60.0),
            holes,
            np.where(ids == size - 1, 1.5, -np.inf),
        ):
            yield logits, context


def _first(offered: type[Any], values: Mapping[str, Any], holds: Callable[[Any, Logits, SampleContext], str]) -> Found:
    """The first, smallest, of the examples for which a sampler with these settings does not do what it must."""
    sampler = build(offered, values)
    for logits, context in _examples():
        seen = attempt(partial(holds, sampler, logits, context))
        if seen:
            return Found(seen, f"logits {logits.tolist()} after the tokens {list(context.tokens)}")
    return Found()


def _declared(offered: type[Any]) -> str:
    if not isinstance(getattr(offered, "name", None), str):
        return "it has no name"
    if not dataclasses.is_dataclass(offered):
        return "it is no dataclass"
    return "" if offered.__dataclass_params__.frozen else "it is not frozen"  # type: ignore[attr-defined]  # every dataclass has it


def _sound(sampler: Sampler, logits: Logits, context: SampleContext) -> str:
    return _trouble(sampler(logits.copy(), context), logits)


def _trouble(seen: Any, logits: Logits) -> str:
    if not isinstance(seen, np.ndarray) or seen.shape != logits.shape or not np.issubdtype(seen.dtype, np.floating):
        return f"{type(seen).__name__} {getattr(seen, 'shape', '')} instead of {logits.size} floats"
    if np.isnan(seen).any() or np.isposinf(seen).any():
        return "NaN or inf"
    if not np.isfinite(seen).any():
        return "nothing but -inf"
    return "-inf became possible" if np.isfinite(seen[np.isneginf(logits)]).any() else ""


def _unwritten(sampler: Sampler, logits: Logits, context: SampleContext) -> str:
    given = logits.copy()
    sampler(given, context)
    return "" if np.array_equal(given, logits) else f"the given logits became {given.tolist()}"


def _repeated(sampler: Sampler, logits: Logits, context: SampleContext) -> str:
    first = np.copy(sampler(logits.copy(), context))
    for _ in range(REPEATS):
        again = sampler(logits.copy(), context)
        if not np.array_equal(first, again):
            return f"{first.tolist()}, then {np.asarray(again).tolist()}"
    return ""


def _neutral(sampler: Sampler, logits: Logits, context: SampleContext) -> str:
    possible = np.isfinite(logits)
    seen = sampler(logits.copy(), context)
    if not np.isfinite(seen[possible]).all():
        return f"{int(np.isinf(seen[possible]).sum())} of {int(possible.sum())} possible tokens became impossible"
    return apart("logits", seen[possible], logits[possible], limit=1e-9)


def _memory(sampler: Any, logits: Logits, context: SampleContext) -> str:
    memory: Any = None
    for _ in range(5):
        shaped = sampler(logits.copy(), context._replace(memory=memory))
        if seen := _trouble(shaped, logits):
            return seen
        old, kept = memory, copy.deepcopy(memory)
        drawn = int(np.flatnonzero(np.isfinite(shaped))[-1])
        memory = sampler.update(memory, drawn, shaped - np.logaddexp.reduce(shaped))
        if not _same(old, kept):
            return "the memory that was given was written to"
        if not all(isinstance(leaf, np.ndarray) or _is_json(leaf) for leaf in leaves(memory)):
            return f"it remembers a {type(memory).__name__}"
    return ""


def _same(one: Any, other: Any) -> bool:
    return all(np.array_equal(left, right) for left, right in zip(leaves(one), leaves(other), strict=True))


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
