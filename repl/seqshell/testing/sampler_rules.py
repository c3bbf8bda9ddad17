"""The rules for every sampler, with its defaults and at the ends of each setting's range."""

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
from seqshell.core.sampling import END, Draw, End, Logits, SampleContext, Sampler
from seqshell.core.state import leaves
from seqshell.core.tokenizers import CharTokenizer
from seqshell.decoding.chain import Chain
from seqshell.host.validation import stage_error
from seqshell.testing.check import Finding, attempt
from seqshell.testing.compare import difference

VOCABULARY = "abcdefghijk"
REPEATS = 5


def sampler_rules(offered: type[Any]) -> Iterator[tuple[str, Callable[[], str | Finding]]]:
    """Yield each rule with a function that tries it and returns the failure, if any."""
    yield "it is a frozen dataclass with a name", partial(_declared, offered)
    yield f"its stage is one of {', '.join(SAMPLER_STAGES)}", partial(stage_error, offered)
    for values in _variants(offered):
        settings = " ".join(f"{name}={value}" for name, value in values.items()) or "by default"
        tries = partial(_first, offered, values)
        yield (
            f"{settings}: it returns [V] without NaN or inf, not all -inf, and keeps every -inf",
            partial(tries, _sound),
        )
        yield f"{settings}: it does not modify its input", partial(tries, _unmodified)
        yield (
            f"{settings}: the same context gives the same logits; the only randomness is context.uniform(name)",
            partial(tries, _repeated),
        )
        if hasattr(offered, "rules"):
            yield f"{settings}: its rules leave the same logits, to the last bit", partial(tries, _ruled)
    yield (
        "by default: it lets an answer begin, so that not every answer ends before its first token",
        partial(_begins, offered),
    )
    neutral = {item.name: item.neutral for item in settings_of(offered) if item.neutral is not None}
    if neutral:
        settings = " ".join(f"{name}={value!r}" for name, value in neutral.items())
        yield f"{settings} (neutral) changes nothing", partial(_first, offered, neutral, _neutral)
    if hasattr(offered, "update"):
        yield (
            "its memory holds JSON values or arrays, and update does not modify the old one",
            partial(_first, offered, {}, _memory),
        )


def _variants(offered: type[Any]) -> Iterator[Mapping[str, Any]]:
    yield {}
    for item in settings_of(offered):
        for value in _ends(item):
            if value is not None and value != item.default and _is_valid(offered, {item.name: value}):
                yield {item.name: value}


def _is_valid(offered: type[Any], values: Mapping[str, Any]) -> bool:
    """Whether the settings are valid with the defaults of the others: __post_init__ may reject them."""
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
    """Yield varied logits with short and long histories, smallest first."""
    for size, length in sorted(itertools.product((1, 2, 3, len(VOCABULARY)), (0, 1, 3, 50)), key=sum):
        random = np.random.default_rng(size)
        ids = np.arange(size)
        spread = random.normal(0, 3, size).round(2)
        holes = np.where(ids % 3 == 0, spread, -np.inf)
        tokens = tuple(random.integers(0, size, length).tolist())
        counts = {"generated": min(length, 20), "position": length, "answer": min(length, 3)}
        context = SampleContext(tokens, **counts, tokenizer=CharTokenizer(VOCABULARY[:size]), draw=Draw(seed=1))
        for logits in (
            np.zeros(size),
            spread,
            np.where(ids == size // 2, 60.0, -60.0),
            holes,
            np.where(ids == size - 1, 1.5, -np.inf),
        ):
            yield logits, context


def _first(
    offered: type[Any], values: Mapping[str, Any], holds: Callable[[Any, Logits, SampleContext], str]
) -> Finding:
    """Find the first example that breaks a rule; the smallest are tried first."""
    sampler = build(offered, values)
    for logits, context in _examples():
        seen = attempt(partial(holds, sampler, logits, context))
        if seen:
            return Finding(seen, f"logits {logits.tolist()} after the tokens {list(context.tokens)}")
    return Finding()


def _declared(offered: type[Any]) -> str:
    if not isinstance(getattr(offered, "name", None), str):
        return "it has no name"
    if not dataclasses.is_dataclass(offered):
        return "it is not a dataclass"
    return "" if offered.__dataclass_params__.frozen else "it is not frozen"  # type: ignore[attr-defined]  # every dataclass has it


def _sound(sampler: Sampler, logits: Logits, context: SampleContext) -> str:
    return _problem(sampler(logits.copy(), context), logits)


def _begins(offered: type[Any]) -> str:
    sampler = build(offered, {})
    contexts = (context._replace(generated=0, answer=0) for _, context in _examples())
    shaped = (sampler(logits.copy(), context) for (logits, _), context in zip(_examples(), contexts, strict=True))
    return "it returns END whatever the logits and the text" if all(each is END for each in shaped) else ""


def _problem(seen: Any, logits: Logits) -> str:
    if seen is END:
        return ""
    if not isinstance(seen, np.ndarray) or seen.shape != logits.shape or not np.issubdtype(seen.dtype, np.floating):
        return f"{type(seen).__name__} {getattr(seen, 'shape', '')} instead of {logits.size} floats"
    if np.isnan(seen).any() or np.isposinf(seen).any():
        return "NaN or inf"
    if not np.isfinite(seen).any():
        return "all logits are -inf"
    return "an excluded token (-inf) became possible" if np.isfinite(seen[np.isneginf(logits)]).any() else ""


def _unmodified(sampler: Sampler, logits: Logits, context: SampleContext) -> str:
    given = logits.copy()
    sampler(given, context)
    return "" if np.array_equal(given, logits) else f"its input became {given.tolist()}"


def _repeated(sampler: Sampler, logits: Logits, context: SampleContext) -> str:
    first = _shown(sampler(logits.copy(), context))
    for _ in range(REPEATS):
        again = _shown(sampler(logits.copy(), context))
        if first != again:
            return f"{first}, then {again}"
    return ""


def _ruled(sampler: Sampler, logits: Logits, context: SampleContext) -> str:
    left = Chain([sampler]).shortlist_by_rules(logits)
    if left is None:
        return ""
    seen, expected = left.logits(), sampler(logits.copy(), context)
    is_same = isinstance(expected, np.ndarray) and seen.tobytes() == expected.tobytes()
    return "" if is_same else f"they leave {_shown(seen)}, and the sampler {_shown(expected)}"


def _shown(shaped: Logits | End) -> Any:
    return END if shaped is END else np.asarray(shaped).tolist()


def _neutral(sampler: Sampler, logits: Logits, context: SampleContext) -> str:
    possible = np.isfinite(logits)
    seen = sampler(logits.copy(), context)
    if seen is END:
        return "it ends the answer"
    if not np.isfinite(seen[possible]).all():
        return f"{int(np.isinf(seen[possible]).sum())} of {int(possible.sum())} possible tokens were excluded"
    return difference("logits", seen[possible], logits[possible], limit=1e-9)


def _memory(sampler: Any, logits: Logits, context: SampleContext) -> str:
    memory: Any = None
    for _ in range(5):
        shaped = sampler(logits.copy(), context._replace(memory=memory))
        if shaped is END:
            return ""
        if seen := _problem(shaped, logits):
            return seen
        old, kept = memory, copy.deepcopy(memory)
        drawn = int(np.flatnonzero(np.isfinite(shaped))[-1])
        memory = sampler.update(memory, drawn, shaped - np.logaddexp.reduce(shaped))
        if not _same(old, kept):
            return "update modified the old memory"
        if not all(isinstance(leaf, np.ndarray) or _is_json(leaf) for leaf in leaves(memory)):
            return f"its memory is a {type(memory).__name__}"
    return ""


def _same(one: Any, other: Any) -> bool:
    return all(np.array_equal(left, right) for left, right in zip(leaves(one), leaves(other), strict=True))


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
