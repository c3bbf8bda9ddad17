"""Two continuations in lock-step: copies never differ, the first difference, other chains, models and tokenizers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.shell.sending import fails, only, send

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Against, ColouredText, Data, Notice, Token
from seqshell.core.events.against import AgainstStep
from seqshell.core.tokenizers import ByteTokenizer
from seqshell.session.interventions import Clamp
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_model, tiny_translation_model


@pytest.fixture
def shell():
    shell = shell_for(tiny_model())
    send(shell, "/feed abc", "/set max_tokens 12")
    return shell


def add(shell, model, name):
    shell.workspace.add(replace(model, name=name), background=True)


def unchanged(shell, line):
    before = shell.session.here
    shown = only(shell, line, Against)
    assert shell.session.here is before
    return shown


def texts(shown):
    return tuple(b"".join(getattr(step, side) for step in shown.steps).decode() for side in "ab")


def written(answer):
    return "".join(event.text for event in answer if isinstance(event, Token))


def test_two_copies_never_diverge_and_write_what_the_session_would(shell):
    add(shell, tiny_model(), "copy")
    send(shell, "/continue 3", "/sampler temperature=1.5 top_k=6")
    shown = unchanged(shell, "/against copy")
    expected = written(shell.session.generate(12))

    assert (shown.first, len(shown.steps)) == (None, 12)
    assert {step.divergence for step in shown.steps} == {0}
    assert texts(shown) == (expected, expected)
    bar = "divergence: Jensen-Shannon, in nats; a full bar is 0.6931"
    assert shown.summary() == f"12 steps: they never differ · {bar}"


def test_of_two_that_write_the_same_the_largest_divergence_is_named():
    """A clamp may have an effect that is too small to change what is drawn, or none."""
    steps = tuple(AgainstStep(b"a", b"a", nats, False) for nats in (0.0, 0.00023, 0.0001))
    assert Against("main", "main.2", steps).summary() == (
        "3 steps: they never differ; the largest divergence is 0.00023 nats · "
        "divergence: Jensen-Shannon, in nats; a full bar is 0.6931"
    )


def test_a_branch_continues_with_the_same_random_numbers(shell):
    send(shell, "/branch other", "/feed de", "/checkout main")
    shown = unchanged(shell, "/against other 20")
    draw, expected = shell.session.behaviour.navigator.draw, []
    for name in ("main", "other"):
        send(shell, f"/checkout {name}")
        cursor, found = shell.session.behaviour.cursor, ""
        outputs, state = cursor.outputs(), shell.session.here.state
        for place in range(20):
            probs = np.exp(outputs.astype(np.float64) - outputs.max())
            token = int(np.searchsorted(probs.cumsum(), draw.uniform(3 + place) * probs.sum(), "right"))
            found += cursor.model.tokenizer.piece(token).decode()
            rows, state = cursor.decoder.step(np.array([token]), state)
            outputs = rows[0]
        expected.append(found)

    assert texts(shown) == tuple(expected)
    first = next(place for place, (a, b) in enumerate(zip(*expected, strict=True)) if a != b)
    assert shown.first == first
    assert shown.as_json()["first"] == first + 1
    assert all(0 <= step.divergence <= math.log(2) for step in shown.steps)
    assert f"they first differ at step {first + 1}" in shown.as_text()


def test_a_position_continues_as_a_branch_from_there_would(shell):
    send(shell, "/rewind 2", "/branch early", "/checkout main", "/redo", "/feed de")
    early, position = unchanged(shell, "/against early 9"), unchanged(shell, "/against main@2 9")
    assert (position.steps, position.b) == (early.steps, "main@2")


def test_two_sides_that_are_the_same_say_so_and_what_else_there_is(shell):
    *_, notice = send(shell, "/against main 3")
    assert notice == Notice("main and main are the same; name another branch, a model, or --chain STAGES")
    assert not [event for event in send(shell, '/against --chain "top_k=1" 3') if isinstance(event, Notice)]


def test_the_stages_of_a_chain_are_completed(shell):
    def texts_of(line):
        return [text for text, _ in complete(shell, line).items]

    assert "temperature=" in texts_of("/against --chain temp")
    assert '"top_k=' in texts_of('/against --chain "top_')
    assert texts_of('/against --chain "top_k=1 tempera') == ["temperature="]
    assert texts_of('/against --chain "top_k=1" ma') == []


def test_another_chain_begins_at_the_same_state(shell):
    shown = unchanged(shell, '/against --chain "top_k=1" 8')
    assert texts(shown)[1] == written(shell.session.generate(8, strategy="greedy"))
    assert shown.steps[0].divergence == 0  # of the models, before the chains


def test_an_intervention_on_a_branch_counts_there_alone(shell):
    send(shell, "/branch other")
    shell.session.intervene([Clamp("0[0]", 0, (0,), np.float32(5))])
    shown = unchanged(shell, "/against main 6")
    expected = written(shell.session.generate(6))
    assert texts(shown)[0] == expected
    assert shown.steps[0].divergence > 0


class Bytes:
    """Writes é, in two tokens, and then a."""

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 1), np.float32)

    def step(self, inputs, state):
        following = {0xC3: 0xA9, 0xA9: ord("a")}
        outputs = np.full((len(inputs), 256), -100, np.float32)
        outputs[np.arange(len(inputs)), [following.get(int(each), 0xC3) for each in inputs]] = 0
        return outputs, state

    def feed(self, inputs, state):
        return self.step(inputs[:, -1], state)


def test_models_with_different_tokenizers_are_aligned_by_characters(shell):
    add(shell, replace(tiny_model(), tokenizer=ByteTokenizer(), decoder=Bytes(), fingerprint="bytes"), "bytes")
    shown = unchanged(shell, "/against bytes 4")
    assert [step.b.decode() for step in shown.steps] == ["é", "a", "é", "a"]
    assert [len(step.a) for step in shown.steps] == [1] * 4
    assert {step.divergence for step in shown.steps} == {None}

    assert only(shell, "/against bytes ab", ColouredText).tokens == ("a", "b")
    whole = only(shell, "/against bytes ab", Data).values
    assert whole["surprisal_a_nats"] == pytest.approx(-shell.session.score("ab").log_prob)


def test_a_text_is_coloured_by_which_is_less_surprised(shell):
    send(shell, "/branch other", "/feed de", "/checkout main")
    shown = only(shell, "/against --unit bits other fed a", ColouredText)
    here = [-token.log_prob for token in shell.session.score("fed a").tokens]
    send(shell, "/checkout other")
    there = [-token.log_prob for token in shell.session.score("fed a").tokens]
    assert shown.tokens == tuple("fed a")
    assert shown.values == pytest.approx([(b - a) / math.log(2) for a, b in zip(here, there, strict=True)])
    assert shown.minimum == -shown.maximum


def test_a_row_of_the_table_has_at_most_eighteen_characters(shell):
    shown = unchanged(shell, '/against --chain "top_k=1" 50')
    assert len(shown.table().rows) == 3
    assert len(shown.as_rows()) == 51


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/against", "missing argument; usage: /against"),
        ("/against none", "none"),
        ("/against main 0", "the number of tokens must be 1 to 1,000,000, not 0"),
        ('/against --chain "top_k=1" abc', "unexpected 'abc' after --chain; it takes a number of tokens"),
        ('/against --chain "nosuch=1"', "nosuch"),
        ("/against main x?y", "tiny's vocabulary has no "),
    ],
)
def test_bad_input_is_one_line_and_moves_nothing(shell, line, message):
    before = shell.session.here
    assert message in fails(shell, line, SeqshellError).message
    assert shell.session.here is before


def test_an_error_names_the_branches_after_the_model_that_may_be_meant_and_the_place_of_options(shell):
    message = fails(shell, "/against shakespeer", SeqshellError).message
    assert message.endswith("did you mean shakespeare? the branches are main")
    error = fails(shell, '/against --chain "top_k=1" 9 8 -o x.tsv')
    assert error.message.startswith("options come before the text, as in /against -o FILE TEXT")


def test_searches_and_other_tasks_are_refused(shell):
    add(shell, tiny_translation_model(), "translator")
    assert fails(shell, "/against translator").message.startswith("the task of translator is translate")
    send(shell, "/strategy beam")
    assert fails(shell, "/against main").message.startswith("beam searches whole answers; /strategy sample")
