"""The rules that hold for every sampler, at its defaults and at the ends of each setting's range."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from seqshell.offers import Setting, build, settings_of
from seqshell.sampling import Draw, Logits, SampleContext, Sampler
from seqshell.state import leaves
from seqshell.testing.comparing import apart
from seqshell.tokenizers import CharTokenizer

VOCABULARY = "abcdefghijk"


def sampler_rules(offered: type[Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each rule in words, with the function that tries it and returns how it was broken, or nothing."""
    yield "it is a frozen dataclass with a name", partial(_declared, offered)
    for values in _variants(offered):
        words = " ".join(f"{name}={value}" for name, value in values.items()) or "by default"
        yield f"{words}: [V] comes out, without NaN or inf and not all -inf; what was -inf stays so", partial(_sound, offered, values)
        yield f"{words}: the same comes out twice, and what goes in is not written to", partial(_pure, offered, values)
    neutral = {item.name: item.neutral for item in settings_of(offered) if item.neutral is not None}
    if neutral:
        words = " ".join(f"{name}={value!r}" for name, value in neutral.items())
        yield f"{words}, its neutral value, changes nothing", partial(_neutral, offered, neutral)
    if hasattr(offered, "update"):
        yield "its memory is of JSON values or arrays, and an older one is not written to", partial(_memory, offered)


def _variants(offered: type[Any]) -> Iterator[Mapping[str, Any]]:
    yield {}
    for item in settings_of(offered):
        for value in _ends(item):
            if value is not None and value != item.default:
                yield {item.name: value}


def _ends(item: Setting) -> tuple[Any, ...]:
    if item.kind is bool:
        return (False, True)
    return item.choices or (item.low, item.high)


def _examples() -> Iterator[tuple[Logits, SampleContext]]:
    """Logits of every kind, each with an empty history and with a long one."""
    random = np.random.default_rng(0)
    spread = random.normal(0, 3, len(VOCABULARY))
    peaked = np.where(np.arange(len(VOCABULARY)) == 4, 60.0, -60.0)
    holes = np.where(np.arange(len(VOCABULARY)) % 3 == 0, spread, -np.inf)
    single = np.where(np.arange(len(VOCABULARY)) == 7, 1.5, -np.inf)
    for logits in (spread, peaked, np.zeros(len(VOCABULARY)), holes, single, np.array([0.25])):
        tokenizer = CharTokenizer(VOCABULARY[: logits.size])
        yield logits, SampleContext(tokenizer=tokenizer)
        tokens = tuple(random.integers(0, logits.size, 50).tolist())
        yield logits, SampleContext(tokens=tokens, generated=20, position=50, tokenizer=tokenizer, draw=Draw(seed=1))


def _declared(offered: type[Any]) -> str:
    if not isinstance(getattr(offered, "name", None), str):
        return "it has no name"
    if not dataclasses.is_dataclass(offered):
        return "it is no dataclass"
    return "" if offered.__dataclass_params__.frozen else "it is not frozen"  # type: ignore[attr-defined]  # every dataclass has it


def _sound(offered: type[Any], values: Mapping[str, Any]) -> str:
    sampler: Sampler = build(offered, values)
    for logits, context in _examples():
        if seen := _trouble(sampler(logits.copy(), context), logits):
            return f"{seen}, from {logits.tolist()} after {len(context.tokens)} tokens"
    return ""


def _trouble(seen: Any, logits: Logits) -> str:
    if not isinstance(seen, np.ndarray) or seen.shape != logits.shape or not np.issubdtype(seen.dtype, np.floating):
        return f"{type(seen).__name__} {getattr(seen, 'shape', '')} instead of {logits.size} floats"
    if np.isnan(seen).any() or np.isposinf(seen).any():
        return "NaN or inf"
    if not np.isfinite(seen).any():
        return "nothing but -inf"
    return "-inf became possible" if np.isfinite(seen[np.isneginf(logits)]).any() else ""


def _pure(offered: type[Any], values: Mapping[str, Any]) -> str:
    sampler: Sampler = build(offered, values)
    for logits, context in _examples():
        given = logits.copy()
        first, second = np.copy(sampler(given, context)), sampler(given, context)
        if not np.array_equal(given, logits):
            return "the given logits were written to"
        if not np.array_equal(first, second):
            return f"{first.tolist()}, then {second.tolist()}"
    return ""


def _neutral(offered: type[Any], values: Mapping[str, Any]) -> str:
    sampler: Sampler = build(offered, values)
    for logits, context in _examples():
        possible = np.isfinite(logits)
        seen = sampler(logits.copy(), context)
        if not np.isfinite(seen[possible]).all():
            return f"{int(np.isinf(seen[possible]).sum())} tokens became impossible"
        if words := apart("logits", seen[possible], logits[possible], limit=1e-9):
            return words
    return ""


def _memory(offered: type[Any]) -> str:
    sampler: Any = build(offered, {})
    for logits, context in _examples():
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
