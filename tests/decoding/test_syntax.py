"""The syntax of sampler chains and strategies: parsing, formatting, changes and errors."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as some

from seqshell import UsageError, setting
from seqshell.core.plugin_api import SAMPLER_STAGES
from seqshell.decoding.syntax import (
    format_chain,
    format_strategy,
    parse_chain,
    parse_strategy,
    with_setting,
)


class Identity:
    def __call__(self, logits, context):
        return logits


@dataclass(frozen=True)
class TopK(Identity):
    name: ClassVar[str] = "top_k"
    k: int = setting(40, low=0)


@dataclass(frozen=True)
class RepeatPenalty(Identity):
    name: ClassVar[str] = "repeat_penalty"
    stage: ClassVar[str] = "penalty"
    penalty: float = setting(1.1, low=0.1, high=10)
    window: int = setting(64, low=1)


@dataclass(frozen=True)
class Temperature(Identity):
    name: ClassVar[str] = "temperature"
    stage: ClassVar[str] = "temperature"
    t: float = setting(0.8, low=0, high=100)


@dataclass(frozen=True)
class Style(Identity):
    """A third-party sampler with a setting of every type."""

    name: ClassVar[str] = "style"
    words: str = setting("")
    loud: bool = setting(False)
    tone: str = setting("plain", choices=("plain", "dark"))
    weight: float = setting(0.0)
    num: int = setting(0)


@dataclass(frozen=True)
class Bare(Identity):
    name: ClassVar[str] = "bare"


@dataclass(frozen=True)
class OtherTopK(Identity):
    """A third-party sampler with the name of another sampler."""

    name: ClassVar[str] = "top_k"
    k: int = setting(1)


@dataclass(frozen=True)
class Beam:
    name: ClassVar[str] = "beam"
    streams: ClassVar[bool] = False
    width: int = setting(5, low=1, high=1000)
    length: float = setting(0.6, low=0)


AVAILABLE = {kind.name: kind for kind in (TopK, RepeatPenalty, Temperature, Style, Bare)} | {"acme/top_k": OtherTopK}
STRATEGIES = {"beam": Beam}


def parse(text, current=()):
    return parse_chain(text, AVAILABLE, current)


def changed(chain, text):
    return format_chain(parse(text, parse(chain)), AVAILABLE)


def test_a_chain_is_parsed_in_order_with_a_value_for_the_first_setting_and_named_others():
    assert parse("repeat_penalty=1.2,window=32  top_k=4 temperature") == (
        RepeatPenalty(1.2, 32),
        TopK(4),
        Temperature(),
    )
    assert parse("temperature=0.5 top_k") == (Temperature(0.5), TopK())
    assert parse("repeat_penalty,window=9") == (RepeatPenalty(window=9),)


def test_a_chain_without_signs_replaces_the_current_one_and_none_empties_it():
    assert parse("bare", (TopK(4),)) == (Bare(),)
    assert parse("none", (TopK(4),)) == ()
    assert parse("  ", (TopK(4),)) == (TopK(4),)
    assert format_chain(()) == "none"


def test_plus_adds_by_stage_or_replaces_and_minus_removes():
    assert changed("top_k=4 temperature=0.5", "+repeat_penalty") == "repeat_penalty=1.1 top_k=4 temperature=0.5"
    assert changed("top_k=4 temperature=0.5", "+style=x") == "top_k=4 style=x temperature=0.5"
    assert changed("top_k=4 temperature=0.5", "+top_k=7") == "top_k=7 temperature=0.5"
    assert changed("temperature=0.5 top_k=4", "+temperature=1") == "temperature=1 top_k=4"
    assert changed("top_k=4 temperature=0.5", "-top_k +bare") == "bare temperature=0.5"
    assert changed("top_k=4", "-top_k") == "none"


def test_a_value_with_spaces_commas_or_quotes_is_a_json_string():
    chain = (Style('a "b", c\n=é '), TopK(3))
    assert format_chain(chain) == 'style="a \\"b\\", c\\n=é " top_k=3'
    assert parse(format_chain(chain)) == chain
    assert parse('style="two words",loud=on') == (Style("two words", loud=True),)


def test_a_name_that_two_plugins_offer_is_formatted_with_its_plugin():
    assert parse("acme/top_k=2 top_k=3") == (OtherTopK(2), TopK(3))
    assert changed("acme/top_k=2 top_k=3", "-acme/top_k") == "top_k=3"
    assert format_chain((OtherTopK(2),), AVAILABLE) == "acme/top_k=2"


any_sampler = some.one_of(
    some.builds(TopK, some.integers(0, 10**6)),
    some.builds(RepeatPenalty, some.floats(0.1, 10), some.integers(1, 10**6)),
    some.builds(Temperature, some.floats(0, 100)),
    some.builds(
        Style,
        some.text(),
        some.booleans(),
        some.sampled_from(["plain", "dark"]),
        some.floats(allow_nan=False) | some.just(-math.inf),
        some.integers(),
    ),
    some.just(Bare()),
    some.builds(OtherTopK, some.integers()),
)
chains = some.lists(any_sampler, unique_by=type).map(tuple)


@given(chains)
def test_a_formatted_chain_parses_to_itself(chain):
    assert parse(format_chain(chain, AVAILABLE)) == chain


@given(some.builds(Beam, some.integers(1, 1000), some.floats(0, 9)))
def test_a_formatted_strategy_parses_to_itself(beam):
    assert parse_strategy(format_strategy(beam), STRATEGIES) == beam


@given(chains, any_sampler)
def test_adding_a_sampler_keeps_the_others_in_order(chain, sampler):
    new = parse("+" + format_chain((sampler,), AVAILABLE), chain)
    assert sampler in new
    before, after = ([each for each in samplers if type(each) is not type(sampler)] for samplers in (chain, new))
    assert after == before


@given(some.text(some.sampled_from('+-top_k=temperature,1.5" \\x')))
def test_any_text_is_parsed_or_refused(text):
    with contextlib.suppress(UsageError):
        assert parse(format_chain(parse(text), AVAILABLE)) == parse(text)


def test_with_setting_changes_one_setting_or_adds_its_sampler():
    chain = parse("repeat_penalty=1.2,window=32 temperature=0.5")
    assert with_setting(chain, "temperature", "0.9", AVAILABLE) == (RepeatPenalty(1.2, 32), Temperature(0.9))
    assert with_setting(chain, "repeat_penalty", 1.5, AVAILABLE) == (RepeatPenalty(1.5, 32), Temperature(0.5))
    assert with_setting(chain, "repeat_penalty.window", 8, AVAILABLE) == (RepeatPenalty(1.2, 8), Temperature(0.5))
    assert with_setting(chain, "top_k", 4, AVAILABLE) == (RepeatPenalty(1.2, 32), TopK(4), Temperature(0.5))
    assert with_setting((), "repeat_penalty.window", 8, AVAILABLE) == (RepeatPenalty(window=8),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tempratur=1", "no sampler 'tempratur'; did you mean temperature?"),
        ("xyzzy", "no sampler 'xyzzy'; available: top_k, repeat_penalty, temperature, style, bare, acme/top_k, none"),
        ("temperature=hot", "temperature must be 0 to 100, not 'hot'"),
        ("temperature=-1", "temperature must be 0 to 100, not '-1'"),
        ("top_k=1.5", "top_k must be at least 0, not '1.5'"),
        ("top_k=", "top_k must be at least 0, not ''"),
        ("top_k=1,q=2", "top_k has no setting 'q'; it has k"),
        ("top_k=1,k=2", "top_k: k is given twice"),
        ("repeat_penalty=1,windw=2", "repeat_penalty has no setting 'windw'; did you mean window?"),
        ("top_k=1 temperature top_k=2", "top_k is in the chain twice"),
        ("top_k +temperature", "either write the whole chain, or begin every sampler with + or -"),
        ("top_k,=3", "cannot read 'top_k,=3': a sampler is NAME=VALUE,FIELD=VALUE"),
        ('style="x', "cannot read 'style=\"x': a sampler is NAME=VALUE,FIELD=VALUE"),
        ('style="\\x"', '"\\x" is not a valid JSON string'),
        ("bare=1", "bare has no settings"),
        ("-top_k", "top_k is not in the chain, which is temperature=0.5"),
        ("-top", "no sampler 'top'; did you mean top_k?"),
        ("-temperature=0.5", "-temperature removes a sampler and takes no value"),
    ],
)
def test_the_error_for_an_invalid_chain_names_the_valid_options(text, message):
    with pytest.raises(UsageError) as caught:
        parse(text, (Temperature(0.5),))
    assert caught.value.message == message


def test_a_short_name_removes_a_sampler_if_only_one_in_the_chain_has_it():
    """The error of a failing sampler suggests /sampler -NAME without its plugin."""
    offered = {"top_k": TopK, "theirs/top_k": OtherTopK}
    assert parse_chain("-top_k", offered, (OtherTopK(),)) == ()
    assert parse_chain("-top_k", offered, (OtherTopK(), TopK(3))) == (OtherTopK(),)


def test_the_error_for_an_ambiguous_name_lists_the_full_names():
    offered = {"one/echo": TopK, "two/echo": OtherTopK}
    with pytest.raises(
        UsageError, match="several plugins offer the sampler 'echo': choose one/echo or two/echo"
    ) as caught:
        parse_chain("echo", offered)
    assert caught.value.code == "ambiguous_sampler"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tempratur", "no sampler 'tempratur'; did you mean temperature?"),
        ("top_k.n", "top_k has no setting 'n'; it has k"),
        ("nothing.k", "no sampler 'nothing'; available:"),
        ("bare", "bare has no settings"),
    ],
)
def test_an_unknown_setting_is_refused(name, message):
    with pytest.raises(UsageError, match=message):
        with_setting((), name, 1, AVAILABLE)


def test_a_strategy_is_parsed_and_formatted_and_errors_name_the_problem():
    assert parse_strategy("beam width=3", STRATEGIES) == Beam(3)
    assert format_strategy(Beam(3)) == "beam width=3"
    assert format_strategy(Beam()) == "beam"
    for text, message in [
        ("", "no strategy given; available: beam"),
        ("bean", "no strategy 'bean'; did you mean beam?"),
        ("beam 5", "cannot read '5': write beam width=VALUE"),
        ("beam width=0", "beam: width must be 1 to 1,000, not '0'"),
        ("beam wdth=2", "beam has no setting 'wdth'; did you mean width?"),
    ]:
        with pytest.raises(UsageError) as caught:
            parse_strategy(text, STRATEGIES)
        assert caught.value.message == message


@dataclass(frozen=True)
class Steered(Identity):
    """Works on the final probabilities."""

    name: ClassVar[str] = "steered"
    stage: ClassVar[str] = "last"


@pytest.mark.parametrize("order", [("steered", "temperature", "top_k", "repeat_penalty"), ("temperature", "steered")])
def test_added_samplers_are_ordered_by_stage(order):
    available = AVAILABLE | {"steered": Steered}
    chain = ()
    for name in order:
        chain = parse_chain(f"+{name}", available, chain)
    stages = [sampler.stage if hasattr(sampler, "stage") else "truncation" for sampler in chain]
    assert stages == sorted(stages, key=SAMPLER_STAGES.index)
    assert len(chain) == len(order)


def test_samplers_of_one_stage_have_the_order_of_registration():
    """The order in which they are added does not matter."""
    assert (
        changed("temperature=1", "+acme/top_k +bare +style=x +top_k=4")
        == "top_k=4 style=x bare acme/top_k=1 temperature=1"
    )
    backwards = dict(reversed(AVAILABLE.items()))
    chain = parse_chain("+top_k=4 +style=x +bare +acme/top_k", backwards, (Temperature(1.0),))
    assert format_chain(chain, backwards) == "acme/top_k=1 bare style=x top_k=4 temperature=1"


def test_an_unregistered_sampler_is_last_in_its_stage():
    registered = {"top_k": TopK, "bare": Bare}
    assert parse_chain("+bare +top_k", registered, (RepeatPenalty(), Style(), Temperature())) == (
        RepeatPenalty(),
        TopK(),
        Bare(),
        Style(),
        Temperature(),
    )


def test_parsing_does_not_import_numpy():
    code = "import sys, seqshell.decoding.syntax; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
