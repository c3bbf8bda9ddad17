"""How users write a sampler chain or a strategy: parsed and formatted.

    /sampler repeat_penalty=1.1,window=64 top_k=40 temperature=0.8        the whole chain, in this order
    /sampler +min_p=0.05 -top_k                                           add at the usual place (or replace), remove
    /strategy beam width=5

A sampler is NAME[=VALUE][,FIELD=VALUE ...]; VALUE is the first field. A value with spaces, commas or quotes is a JSON
string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import UsageError
from seqshell.core.names import unknown_name
from seqshell.core.plugin_api import SAMPLER_STAGES, build, settings_of, stage_of
from seqshell.core.text_output import exact, quoted

if TYPE_CHECKING:
    from seqshell.core.sampling import Sampler, Strategy  # numpy would slow down the first prompt

Available = Mapping[str, type[Any]]

NO_SAMPLERS = "none"  # the word for an empty chain

_VALUE = r'"(?:[^"\\]|\\.)*"|[^\s,"]*'
_NAME = r'[^\s=,"+-][^\s=,"]*'
_SAMPLER = re.compile(
    rf"\s*(?P<sign>[+-]?)(?P<name>{_NAME})(?:=(?P<value>{_VALUE}))?(?P<fields>(?:,{_NAME}=(?:{_VALUE}))*)(?=\s|$)"
)
_FIELD = re.compile(rf",({_NAME})=({_VALUE})")
_SETTING = re.compile(rf"\s*(?P<name>{_NAME})=(?P<value>{_VALUE})(?=\s|$)")


def parse_chain(text: str, available: Available, current: Sequence[Sampler] = ()) -> tuple[Sampler, ...]:
    """The chain that `text` describes: a whole one, or changes (+ and -) of the current one.

    An empty text is the current one.

    UsageError names what cannot be parsed, an unknown name with the nearest known one, or a setting with its valid
    values.
    """
    chain = list(current)
    words = _scan(text, _SAMPLER, "a sampler is NAME=VALUE,FIELD=VALUE")
    signs = {bool(word["sign"]) for word in words}
    if len(signs) == 2:
        raise UsageError("either write the whole chain, or begin every sampler with + or -")
    if words and not words[0]["sign"]:
        chain = []
        if text.strip() == NO_SAMPLERS and NO_SAMPLERS not in available:
            return ()
    for before, word in zip([None, *words], words, strict=False):
        if before and word["name"] not in available and not (before["value"] or word["sign"] or word["value"]):
            _check_value(before["name"], word["name"])
        if word["sign"] == "-":
            chain.pop(_index(word, chain, available))
            continue
        if word["name"] not in available and not word["sign"]:
            raise unknown_name("sampler", word["name"], [*available, NO_SAMPLERS])
        sampler = _sampler(word, available)
        if word["sign"] == "+":
            chain = _placed(chain, sampler, available)
        elif any(type(other) is type(sampler) for other in chain):
            raise UsageError(f"{word['name']} is in the chain twice")
        else:
            chain.append(sampler)
    return tuple(chain)


def sampler_texts(text: str) -> list[tuple[str, str]]:
    """The name of each sampler in a chain, and what is written for it. Raises UsageError as parse_chain does."""
    words = _scan(text, _SAMPLER, "a sampler is NAME=VALUE,FIELD=VALUE")
    return [(word["name"], word[0].strip().lstrip("+-")) for word in words]


def format_chain(samplers: Sequence[Sampler], available: Available | None = None) -> str:
    """The chain as parse_chain reads it; `none` if it is empty. available: finds owner/name where it is needed."""
    return " ".join(_format_sampler(sampler, available or {}) for sampler in samplers) or NO_SAMPLERS


def with_setting(samplers: Sequence[Sampler], name: str, value: Any, available: Available) -> tuple[Sampler, ...]:
    """The chain with one setting changed; a missing sampler is added at its usual place.

    name: a sampler, for its first field (`temperature`), or a sampler and a field (`repeat_penalty.window`).
    """
    sampler_name, field = (name, "") if name in available else name.rpartition(".")[::2]
    kind = _find(sampler_name or name, available, "sampler")
    known = [item.name for item in settings_of(kind)]
    if not known:
        raise UsageError(f"{sampler_name} has no settings")
    now = next((sampler for sampler in samplers if type(sampler) is kind), None)
    values = {item: getattr(now, item) for item in known} if now else {}
    values[field or known[0]] = value
    return tuple(_placed(list(samplers), build(kind, values, what=sampler_name, main=known[0]), available))


def parse_strategy(text: str, available: Available) -> Strategy:
    """The strategy that `NAME FIELD=VALUE ...` describes. UsageError as for parse_chain."""
    name, _, rest = text.strip().partition(" ")
    if not name:
        raise UsageError(f"no strategy given; available: {', '.join(available)}")
    kind = _find(name, available, "strategy")
    first = next((f"write {name} {item.name}=VALUE" for item in settings_of(kind)), f"{name} has no settings")
    words = _scan(rest, _SETTING, first)
    strategy: Strategy = build(kind, {word["name"]: _value(word["value"]) for word in words}, what=name)
    return strategy


def format_strategy(strategy: Strategy, available: Available | None = None) -> str:
    """The strategy as parse_strategy reads it; settings at their defaults are left out."""
    settings = [
        f"{item.name}={_format_value(getattr(strategy, item.name))}"
        for item in settings_of(type(strategy))
        if getattr(strategy, item.name) != item.default
    ]
    return " ".join([known_name(strategy, available or {}), *settings])


def _scan(text: str, pattern: re.Pattern[str], form: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    start, text = 0, text.rstrip()
    while start < len(text):
        match = pattern.match(text, start)
        if not match:
            raise UsageError(f"cannot read {text[start:].split()[0]!r}: {form}")
        found.append(match)
        start = match.end()
    return found


def _sampler(word: re.Match[str], available: Available) -> Sampler:
    name = word["name"]
    kind = _find(name, available, "sampler")
    values: dict[str, Any] = {}
    main = next((item.name for item in settings_of(kind)), "")
    if word["value"] is not None:
        if not main:
            raise UsageError(f"{name} has no settings")
        values[main] = _value(word["value"])
    for field, value in _FIELD.findall(word["fields"]):
        if field in values:
            raise UsageError(f"{name}: {field} is given twice")
        values[field] = _value(value)
    sampler: Sampler = build(kind, values, what=name, main=main)
    return sampler


def _check_value(name: str, word: str) -> None:
    """Raise UsageError if a word is a number, which belongs to the name before it."""
    try:
        float(word)
    except ValueError:
        return
    raise UsageError(f"cannot read {quoted(word)}: write {name}={word}")


def _value(word: str) -> str:
    if not word.startswith('"'):
        return word
    try:
        return str(json.loads(word, strict=False))
    except ValueError:
        raise UsageError(f"{word} is not a valid JSON string") from None


def _find(name: str, available: Available, kind: str) -> type[Any]:
    if name in available:
        return available[name]
    raise unknown_name(kind, name, available)


def _index(word: re.Match[str], chain: Sequence[Sampler], available: Available) -> int:
    name = word["name"]
    if word["value"] is not None or word["fields"]:
        raise UsageError(f"-{name} removes a sampler and takes no value")
    for index, sampler in enumerate(chain):
        if known_name(sampler, available) == name:
            return index
    # a third-party one, without its owner
    called = [index for index, sampler in enumerate(chain) if sampler.name == name]
    if len(called) == 1:
        return called[0]
    _find(name, available, "sampler")  # an unknown name has a different error
    raise UsageError(f"{name} is not in the chain, which is {format_chain(chain, available)}")


def _placed(chain: list[Sampler], new: Sampler, available: Available) -> list[Sampler]:
    """The chain with `new` instead of the sampler of its class, otherwise before the first sampler that usually follows
    it.
    """
    for index, other in enumerate(chain):
        if type(other) is type(new):
            return [*chain[:index], new, *chain[index + 1 :]]
    rank = _rank(new, available)
    index = next((index for index, other in enumerate(chain) if _rank(other, available) > rank), len(chain))
    return [*chain[:index], new, *chain[index:]]


def _rank(sampler: Sampler, available: Available) -> tuple[int, int]:
    """The usual place in a chain: by stage, and within a stage in the order of `available`, which is that of
    registration.
    """
    names = list(available)
    name = known_name(sampler, available)
    return SAMPLER_STAGES.index(stage_of(type(sampler))), names.index(name) if name in names else len(names)


def known_name(offered: Sampler | Strategy, available: Available) -> str:
    """The name in `available`: its own, or owner/name if another has its name."""
    kind = type(offered)
    name = str(getattr(kind, "name", kind.__name__))
    if name in available and available[name] is kind:
        return name
    return next((known for known in available if known.endswith("/" + name) and available[known] is kind), name)


def _format_sampler(sampler: Sampler, available: Available) -> str:
    word = known_name(sampler, available)
    for number, item in enumerate(settings_of(type(sampler))):
        value = getattr(sampler, item.name)
        if number == 0:
            word += f"={_format_value(value)}"
        elif value != item.default:
            word += f",{item.name}={_format_value(value)}"
    return word


def _format_value(value: Any) -> str:
    if isinstance(value, str):
        return value if re.fullmatch(r'[^\s,"]+', value) else json.dumps(value, ensure_ascii=False)
    return exact(value)
