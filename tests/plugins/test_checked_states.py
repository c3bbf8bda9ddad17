"""`plugins check` on what a state may be, on many steps, and with the choices and examples of an architecture."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace

import numpy as np
import pytest
from tests.plugins.summing import Config, offered

import seqshell
from seqshell.cli import main
from seqshell.testing import check_architecture, failed, run
from seqshell.testing.compare import difference
from seqshell.training.recipes.listing import defaults_text


class Offers:
    @seqshell.hookimpl
    def seqshell_architectures(self):
        yield offered()


CHUNKS = "module: reading in chunks equals reading at once"
SHAPES = "module: the leaves of a state keep their shapes"
GROWS = "module: each leaf of a state keeps its shape, or grows along one axis after what it was"


@pytest.mark.parametrize(("leaf", "grows"), [("stabilised", ""), ("complex", ""), ("cache", "axis")])
def test_states_with_infinities_complex_numbers_or_a_cache_pass(leaf, grows):
    assert failed(check_architecture(offered(grows=grows), {"leaf": leaf})) == []


def broken(settings, grows=""):
    """The failed rules, with what was found and the smallest case."""
    checks = check_architecture(offered(grows=grows), settings)
    return {check.rule: (check.seen, check.case) for check in checks if not check.passed}


def test_a_state_with_nan_fails():
    seen, _ = broken({"fault": "nan"})[CHUNKS]
    assert "are NaN" in seen


def test_a_state_that_grows_must_be_declared():
    seen, case = broken({"leaf": "cache"})[SHAPES]
    assert seen == 'state is [1, 1, 1] after a step, but [1, 0, 1] before; Architecture(grows="axis") allows that'
    assert case.startswith("1 row of 1 step [[")


def test_a_declared_state_must_grow_after_what_it_was():
    seen, case = broken({"leaf": "cache", "fault": "faded"}, "axis")[GROWS]
    assert seen.endswith("allowed 0: what it was before a step must stay at its beginning")
    assert case.startswith("1 row of 2 steps [[")
    assert broken({"leaf": "complex"}, "axis") == {
        GROWS: (
            'no leaf grows, so Architecture(grows="axis") must be left out',
            broken({"leaf": "complex"}, "axis")[GROWS][1],
        )
    }


def test_a_state_that_is_lost_after_200_steps_fails_with_201():
    failing = broken({"fault": "forgets"})
    assert failing.keys() == {CHUNKS, "module: its output at each step equals that of reading up to this step"}
    seen, case = failing[CHUNKS]
    assert "difference" in seen
    assert case.startswith("1 row of 201 steps that begin with [[")


def test_each_choice_and_each_example_is_checked():
    example = {"size": 2, "fault": "forgets"}
    checks = check_architecture(offered(examples=(example,)))
    found = {check.rule: check for check in checks if check.rule.startswith("the same with")}

    assert list(found) == [
        "the same with leaf='complex'",
        "the same with leaf='cache'",
        "the same with size=2, fault='forgets'",
    ]
    assert [check.passed for check in found.values()] == [True, False, False]
    assert found["the same with leaf='cache'"].seen.startswith(f"{SHAPES}: state is ")
    assert found["the same with size=2, fault='forgets'"].seen.startswith(f"{CHUNKS}: ")


@pytest.mark.parametrize(
    ("task", "sizes"),
    [
        ("lstm", {"vocab_size": 20}),
        ("lstm", {"vocab_size": 7}),
        ("classifier", {"vocab_size": 20, "num_classes": 7}),
        ("forecaster", {"num_features": 3}),
        ("attention_seq2seq", {"source_vocab_size": 21, "target_vocab_size": 20}),
    ],
)
def test_a_config_may_set_the_sizes_of_the_data(registry, task, sizes):
    small = {"hidden_size": 6, "num_layers": 1}
    assert failed(check_architecture(registry.architectures[task], {**small, **sizes})) == []


def test_a_choice_that_the_config_refuses_beside_the_small_sizes_is_a_warning():
    @dataclass(frozen=True)
    class Fussy(Config):
        def __post_init__(self):
            if self.leaf == "complex" and self.size < 100:
                raise ValueError("too small")

    (check,) = (
        check
        for check in check_architecture(replace(offered(), config=Fussy, examples=()))
        if check.rule == "the same with leaf='complex'"
    )
    assert (check.passed, check.is_warning, check.seen) == (True, True, "it could not be tried: Fussy: too small")


@pytest.mark.parametrize(
    ("seen", "expected", "message"),
    [
        ([1, -np.inf], [1, -np.inf], ""),
        ([1, np.inf], [1, -np.inf], "x: difference inf, allowed 1e-05"),
        ([1, np.nan], [1, np.nan], "x: 1 of 2 numbers are NaN"),
        ([1j, 2], [1, 2], "x: difference 0.71, allowed 1e-05"),
        ([1 + 1e-9j, np.inf], [1, np.inf], ""),
        ([1e6, 2], [1e6 + 1, 2], ""),
    ],
)
def test_a_difference_knows_infinities_nan_and_complex_numbers(seen, expected, message):
    assert difference("x", np.array(seen), np.array(expected)) == message


PLUGIN = """
from tests.plugins.summing import offered
import seqshell

@seqshell.hookimpl
def seqshell_architectures():
    yield offered()
"""


def test_set_checks_an_architecture_with_other_settings(write_plugin, capsys):
    path = write_plugin(PLUGIN)

    assert main(["plugins", "check", path, "--set", "fault=forgets", "--set", "size=3"]) == 1
    out = capsys.readouterr().out
    assert "1 row of 201 steps that begin with" in out
    assert "the same with" not in out
    assert main(["plugins", "check", path, "--set", "leaf=complex", "--set", "size=3"]) == 0
    assert main(["plugins", "check", path, "--set", "wheels=3"]) == 2
    assert capsys.readouterr().err.endswith("has the setting wheels\n")


def test_architectures_shows_the_settings_of_one():
    (table,) = run(["/architectures summing"], plugins=[Offers()])

    assert table.columns == ("setting", "default", "valid", "does")
    assert table.rows == (
        ("vocab_size", "from the data", "", ""),
        ("leaf", "stabilised", "stabilised, complex or cache", "how the sum is kept"),
        ("fault", "", "a text", ""),
        ("size", 4, "a whole number", ""),
    )


def test_defaults_of_an_architecture_are_a_table_of_a_recipe():
    text = defaults_text(offered())

    assert tomllib.loads(text)["model"] == {"leaf": "stabilised", "fault": "", "size": 4}
    assert 'leaf = "stabilised"       # how the sum is kept (stabilised, complex or cache)\n' in text
    assert text.startswith('task = "generate"\narchitecture = "summing"\n')
