"""The language of sampler chains and strategies: read, written, changed, and its mistakes told."""

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


class Unchanged:
    def __call__(self, logits, context):
        return logits


@dataclass(frozen=True)
class TopK(Unchanged):
    name: ClassVar[str] = "top_k"
    k: int = setting(40, low=0)


@dataclass(frozen=True)
class RepeatPenalty(Unchanged):
    name: ClassVar[str] = "repeat_penalty"
    stage: ClassVar[str] = "penalty"
    penalty: float = setting(1.1, low=0.1, high=10)
    window: int = setting(64, low=1)


@dataclass(frozen=True)
class Temperature(Unchanged):
    name: ClassVar[str] = "temperature"
    stage: ClassVar[str] = "temperature"
    t: float = setting(0.8, low=0, high=100)


@dataclass(frozen=True)
class Style(Unchanged):
    """A plugin's, with a setting of every kind."""

    name: ClassVar[str] = "style"
    words: str = setting("")
    loud: bool = setting(False)
    tone: str = setting("plain", choices=("plain", "dark"))
    weight: float = setting(0.0)
    num: int = setting(0)


@dataclass(frozen=True)
class Bare(Unchanged):
    name: ClassVar[str] = "bare"


@dataclass(frozen=True)
class TheirTopK(Unchanged):
    """Of a plugin that offers a name which is taken."""

    name: ClassVar[str] = "top_k"
    k: int = setting(1)


@dataclass(frozen=True)
class Beam:
    name: ClassVar[str] = "beam"
    streams: ClassVar[bool] = False
    width: int = setting(5, low=1, high=1000)
    length: float = setting(0.6, low=0)


AVAILABLE = {kind.name: kind for kind in (TopK, RepeatPenalty, Temperature, Style, Bare)} | {"acme/top_k": TheirTopK}
STRATEGIES = {"beam": Beam}


def read(text, current=()):
    return parse_chain(text, AVAILABLE, current)


def changed(chain, text):
    return format_chain(read(text, read(chain)), AVAILABLE)


def test_a_chain_is_read_in_its_order_with_values_for_the_first_field_and_the_named_ones():
    assert read("repeat_penalty=1.2,window=32  top_k=4 temperature") == (RepeatPenalty(1.2, 32), TopK(4), Temperature())
    assert read("temperature=0.5 top_k") == (Temperature(0.5), TopK())
    assert read("repeat_penalty,window=9") == (RepeatPenalty(window=9),)


def test_an_unsigned_chain_replaces_the_current_one_and_none_empties_it():
    assert read("bare", (TopK(4),)) == (Bare(),)
    assert read("none", (TopK(4),)) == ()
    assert read("  ", (TopK(4),)) == (TopK(4),)
    assert format_chain(()) == "none"


def test_plus_adds_at_the_usual_place_or_replaces_and_minus_removes():
    assert changed("top_k=4 temperature=0.5", "+repeat_penalty") == "repeat_penalty=1.1 top_k=4 temperature=0.5"
    assert changed("top_k=4 temperature=0.5", "+style=x") == "top_k=4 style=x temperature=0.5"
    assert changed("top_k=4 temperature=0.5", "+top_k=7") == "top_k=7 temperature=0.5"
    assert changed("temperature=0.5 top_k=4", "+temperature=1") == "temperature=1 top_k=4"
    assert changed("top_k=4 temperature=0.5", "-top_k +bare") == "bare temperature=0.5"
    assert changed("top_k=4", "-top_k") == "none"


def test_a_value_with_spaces_commas_or_quotes_is_a_json_string():
    chain = (Style('a "b", c\n=é '), TopK(3))
    assert format_chain(chain) == 'style="a \\"b\\", c\\n=é " top_k=3'
    assert read(format_chain(chain)) == chain
    assert read('style="two words",loud=on') == (Style("two words", loud=True),)


def test_a_name_that_two_plugins_offer_is_written_with_its_owner():
    assert read("acme/top_k=2 top_k=3") == (TheirTopK(2), TopK(3))
    assert changed("acme/top_k=2 top_k=3", "-acme/top_k") == "top_k=3"
    assert format_chain((TheirTopK(2),), AVAILABLE) == "acme/top_k=2"


stages = some.one_of(
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
    some.builds(TheirTopK, some.integers()),
)
chains = some.lists(stages, unique_by=type).map(tuple)


@given(chains)
def test_what_is_written_reads_back_to_itself(chain):
    assert read(format_chain(chain, AVAILABLE)) == chain


@given(some.builds(Beam, some.integers(1, 1000), some.floats(0, 9)))
def test_a_strategy_reads_back_to_itself(beam):
    assert parse_strategy(format_strategy(beam), STRATEGIES) == beam


@given(chains, stages)
def test_adding_a_stage_keeps_the_others_in_their_order(chain, stage):
    new = read("+" + format_chain((stage,), AVAILABLE), chain)
    assert stage in new
    assert [each for each in new if type(each) is not type(stage)] == [
        each for each in chain if type(each) is not type(stage)
    ]


@given(some.text(some.sampled_from('+-top_k=temperature,1.5" \\x')))
def test_whatever_is_typed_is_read_or_refused(text):
    with contextlib.suppress(UsageError):
        assert read(format_chain(read(text), AVAILABLE)) == read(text)


def test_one_setting_is_changed_alone_or_its_stage_added():
    chain = read("repeat_penalty=1.2,window=32 temperature=0.5")
    assert with_setting(chain, "temperature", "0.9", AVAILABLE) == (RepeatPenalty(1.2, 32), Temperature(0.9))
    assert with_setting(chain, "repeat_penalty", 1.5, AVAILABLE) == (RepeatPenalty(1.5, 32), Temperature(0.5))
    assert with_setting(chain, "repeat_penalty.window", 8, AVAILABLE) == (RepeatPenalty(1.2, 8), Temperature(0.5))
    assert with_setting(chain, "top_k", 4, AVAILABLE) == (RepeatPenalty(1.2, 32), TopK(4), Temperature(0.5))
    assert with_setting((), "repeat_penalty.window", 8, AVAILABLE) == (RepeatPenalty(window=8),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tempratur=1", "no sampler 'tempratur'; did you mean temperature?"),
        ("xyzzy", "no sampler 'xyzzy'; available: top_k, repeat_penalty, temperature, style, bare, acme/top_k"),
        ("temperature=hot", "temperature: t must be 0 to 100, not 'hot'"),
        ("temperature=-1", "temperature: t must be 0 to 100, not '-1'"),
        ("top_k=1.5", "top_k: k must be at least 0, not '1.5'"),
        ("top_k=", "top_k: k must be at least 0, not ''"),
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
def test_an_invalid_chain_is_an_error_that_says_what_is_valid(text, message):
    with pytest.raises(UsageError) as caught:
        read(text, (Temperature(0.5),))
    assert caught.value.message == message


def test_a_stage_is_taken_out_by_its_short_name_where_only_one_has_it():
    """The error of a sampler that fails says /sampler -NAME, and does not know whose it is."""
    offered = {"top_k": TopK, "theirs/top_k": TheirTopK}
    assert parse_chain("-top_k", offered, (TheirTopK(),)) == ()
    assert parse_chain("-top_k", offered, (TheirTopK(), TopK(3))) == (TheirTopK(),)


def test_an_ambiguous_name_is_done_with_its_owners():
    offered = {"one/echo": TopK, "two/echo": TheirTopK}
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
def test_a_setting_that_no_sampler_has_is_refused(name, message):
    with pytest.raises(UsageError, match=message):
        with_setting((), name, 1, AVAILABLE)


def test_a_strategy_is_read_and_written_and_its_mistakes_told():
    assert parse_strategy("beam width=3", STRATEGIES) == Beam(3)
    assert format_strategy(Beam(3)) == "beam width=3"
    assert format_strategy(Beam()) == "beam"
    for text, message in [
        ("", "no strategy given; available: beam"),
        ("bean", "no strategy 'bean'; did you mean beam?"),
        ("beam 5", "cannot read '5': the settings of a strategy are FIELD=VALUE"),
        ("beam width=0", "beam: width must be 1 to 1,000, not '0'"),
        ("beam wdth=2", "beam has no setting 'wdth'; did you mean width?"),
    ]:
        with pytest.raises(UsageError) as caught:
            parse_strategy(text, STRATEGIES)
        assert caught.value.message == message


@dataclass(frozen=True)
class Steered(Unchanged):
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


def test_samplers_of_one_stage_are_added_in_the_order_of_registration():
    """And not in the order in which they are added."""
    assert (
        changed("temperature=1", "+acme/top_k +bare +style=x +top_k=4")
        == "top_k=4 style=x bare acme/top_k=1 temperature=1"
    )
    backwards = dict(reversed(AVAILABLE.items()))
    chain = parse_chain("+top_k=4 +style=x +bare +acme/top_k", backwards, (Temperature(1.0),))
    assert format_chain(chain, backwards) == "acme/top_k=1 bare style=x top_k=4 temperature=1"


def test_an_unregistered_sampler_is_the_last_of_its_stage():
    registered = {"top_k": TopK, "bare": Bare}
    assert parse_chain("+bare +top_k", registered, (RepeatPenalty(), Style(), Temperature())) == (
        RepeatPenalty(),
        TopK(),
        Bare(),
        Style(),
        Temperature(),
    )


def test_the_words_can_be_read_before_numpy_is_loaded():
    code = "import sys, seqshell.decoding.syntax; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
