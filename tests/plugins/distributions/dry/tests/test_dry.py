from dataclasses import replace

import numpy as np
import pytest
import seqshell_dry
from seqshell_dry.sampler import Dry

from seqshell import CharTokenizer, SampleContext
from seqshell.testing import check_sampler, failed, run, shell_for, tiny_model

LETTERS = "\n abc"


def after(text, *, sampler, yours=""):
    """The penalties after the model has generated `text` and the user has added `yours`."""
    tokenizer = CharTokenizer(LETTERS)
    memory = None
    for token in tokenizer.encode(text):
        memory = sampler.update(memory, token, np.zeros(tokenizer.size))
    tokens = tokenizer.encode(text + yours)
    return dict(
        zip(
            LETTERS,
            sampler(np.zeros(tokenizer.size), SampleContext(tokens=tokens, memory=memory, tokenizer=tokenizer)),
            strict=True,
        )
    )


def test_the_sampler_passes_all_checks():
    assert not failed(check_sampler(Dry))


def test_the_penalty_grows_with_the_passage():
    sampler = Dry(multiplier=1, base=2, allowed_length=2)

    assert after("abc a", sampler=sampler)["b"] == 0
    assert after("abc ab", sampler=sampler) == {"\n": 0, " ": 0, "a": 0, "b": 0, "c": -1}
    assert after("abc abc", sampler=sampler)[" "] == -2
    assert after("ababab", sampler=sampler)["a"] == -4  # "abab" occurs twice, overlapping


@pytest.mark.parametrize("text", ["abc\nab", "ab\nab"])
def test_a_breaker_ends_a_passage(text):
    assert after(text, sampler=Dry(multiplier=1, base=2, allowed_length=3))["c"] == 0


def test_the_users_text_may_be_quoted_and_ends_a_passage():
    sampler = Dry(multiplier=1, base=2, allowed_length=2)

    assert after("", sampler=sampler, yours="abcab")["c"] == 0
    assert after("abcab", sampler=sampler, yours=" ")["c"] == 0
    assert after("abcab", sampler=sampler, yours="a")["c"] == 0


def test_tokens_before_the_window_are_ignored():
    sampler = Dry(multiplier=1, base=2, allowed_length=2, window=5)

    assert after("abcab", sampler=sampler)["c"] == -1
    assert after("abc  ab", sampler=sampler)["c"] == 0


def test_a_greedy_model_in_a_loop_is_freed():
    """The tiny model loops forever; with the strongest penalty no five tokens occur twice."""
    model = tiny_model(LETTERS, hidden_size=16)
    plain, dry = (
        run([*lines, "/strategy greedy", "/continue 40"], model=model, plugins=[seqshell_dry])[-1].answer
        for lines in ([], ["/sampler dry=100,allowed_length=5,breakers=x"])
    )

    assert len({plain[start : start + 6] for start in range(35)}) < 20
    assert len({dry[start : start + 6] for start in range(35)}) == 35


def test_undo_and_restore_restore_the_memory(tmp_path):
    """After /undo, or in a restored session, the text continues the same."""
    shell = shell_for(tiny_model(LETTERS), plugins=[seqshell_dry])
    handle = lambda line: list(shell.handle(line))  # noqa: E731  # short for the lines below
    for line in ("/sampler dry=5,allowed_length=2 temperature=0.3", "abc", "/continue 20"):
        handle(line)
    once = handle("/continue 20")[-1]
    handle("/undo")
    handle(f"/save {tmp_path / 'here.safetensors'}")
    again = handle("/continue 20")[-1]
    handle("/undo 2")
    handle(f"/restore {tmp_path / 'here.safetensors'}")
    restored = handle("/continue 20")[-1]

    assert once.answer == again.answer == restored.answer
    assert replace(once, branch="") == replace(restored, branch="")
