"""Names are valid or not, and the error for an unknown name suggests the nearest known one."""

import pytest

from seqshell.core.errors import UsageError
from seqshell.core.names import check_name, did_you_mean, nearest, unknown_name


@pytest.mark.parametrize("name", ["a", "7", "main.2", "my_model-1", "x" * 64])
def test_a_valid_name_is_returned(name):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "-x", ".x", "_x", "a b", "../x", "x" * 65, "é", "a\n", "?"])
def test_an_invalid_name_is_an_error_that_says_what_is_valid(name):
    with pytest.raises(UsageError) as caught:
        check_name(name)
    assert caught.value.message == (
        f"invalid name {name!r}: use 1 to 64 letters, digits, dots, dashes or underscores, "
        "starting with a letter or digit"
    )


def test_the_nearest_known_name_is_suggested():
    known = ["greedy", "sample", "beam"]
    assert nearest("gready", known) == "greedy"
    assert nearest("zzz", known) == ""
    assert did_you_mean("gready", known, "other") == "did you mean greedy?"
    assert did_you_mean("gready", known, "other", form="/{}") == "did you mean /greedy?"
    assert did_you_mean("mine", ["mind", "mini", "wine"], "other", most=2) == "did you mean wine or mini?"
    assert did_you_mean("zzz", known, "other") == "other"


@pytest.mark.parametrize(
    ("name", "known", "message", "code", "hint"),
    [
        ("beem", ("beam", "greedy"), "no strategy 'beem'; did you mean beam?", "unknown_strategy", "beam"),
        ("zzz", ("beam", "greedy"), "no strategy 'zzz'; available: beam, greedy", "unknown_strategy", "see /help"),
        ("zzz", (), "no strategy 'zzz'; none is available", "unknown_strategy", "see /help"),
        (
            "beam",
            ("one/beam", "two/beam", "greedy"),
            "several plugins offer the strategy 'beam': choose one/beam or two/beam",
            "ambiguous_strategy",
            "",
        ),
    ],
)
def test_an_unknown_name_is_an_error_with_a_code_for_its_kind(name, known, message, code, hint):
    error = unknown_name("strategy", name, known, hint="see /help")
    assert (error.message, error.code, error.hint) == (message, code, hint)
