"""A decoder that draws blocks of tokens, or several candidates together, leaves a session as one that is asked for each
token of each candidate.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from seqshell import END, CharTokenizer, Finished, Model, PluginError, Session, Task, Token
from seqshell.session import together
from seqshell.session.checked_decoder import CheckedDecoder
from seqshell.session.interventions import Clamp
from seqshell_recurrent.config import LSTMConfig
from seqshell_recurrent.language_models import LSTMLanguageModel
from seqshell_samplers.penalties import RepeatPenalty
from seqshell_samplers.temperature import Temperature
from seqshell_samplers.truncation import MinP, TopK, TopP

LETTERS = "abcdefghijklm"
CHAINS = [(), (Temperature(0.8),), (TopK(5), TopP(0.9), MinP(0.05), Temperature(1.5))]


class Counting:
    """A decoder whose calls are counted. sound: the number of tokens after which the outputs are NaN."""

    def __init__(self, decoder, sound=None):
        self._decoder, self._sound = decoder, sound
        self.initial_state, self.feed = decoder.initial_state, decoder.feed
        self.steps = self.blocks = 0

    def step(self, inputs, state):
        self.steps += 1
        outputs, state = self._decoder.step(inputs, state)
        return (outputs if self._sound is None else outputs * np.nan), state

    def draw_block(self, outputs, state, rules, excluded, numbers):
        self.blocks += 1
        ids, rows, states = self._decoder.draw_block(outputs, state, rules, excluded, numbers)
        sound = len(rows) if self._sound is None else self._sound
        if self._sound is not None:
            self._sound = max(0, sound - len(rows))
        return ids, [row if index < sound else row * np.nan for index, row in enumerate(rows)], states


@pytest.fixture
def decoder(compiled):
    from seqshell_recurrent.compiled_decoders import LSTMDecoder

    torch.manual_seed(0)
    module = LSTMLanguageModel(LSTMConfig(len(LETTERS), embed_size=8, hidden_size=16))
    weights = {name: 3 * tensor.numpy() for name, tensor in module.state_dict().items()}
    return LSTMDecoder(module.config, weights)


def session(decoder, chain=CHAINS[1]):
    opened = Session(Model("tiny", Task.GENERATE, "lstm", decoder, CharTokenizer(LETTERS), "hash"), seed=3)
    opened.chain = chain
    opened.feed("abc")
    return opened


def ended(opened, interrupt_after=-1, **options):
    """The tokens and the end of an answer."""
    seen = []
    for number, event in enumerate(opened.generate(**options), 1):
        if number == interrupt_after:
            opened.interrupt()
        seen.append((event.id, event.text, event.position) if isinstance(event, Token) else event)
    return seen


@pytest.mark.parametrize(
    "options",
    [{"max_tokens": 1}, {"max_tokens": 150}, {"stop": "ab"}, {"stop": ["ca", "d"]}, {"interrupt_after": 5}],
    ids=str,
)
@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_an_answer_and_the_saved_session_are_the_same_in_every_byte(decoder, chain, options, monkeypatch, tmp_path):
    blocks = Counting(decoder)
    seen, files = [], []
    for draws_blocks in (True, False):
        monkeypatch.setattr(CheckedDecoder, "draws_blocks", draws_blocks)
        opened = session(blocks, chain)
        answers = [ended(opened, **options), ended(opened, max_tokens=20)]
        opened.undo_tokens(7)
        answers.append(ended(opened, max_tokens=3))
        seen.append((answers, opened.ids(), opened.here.outputs.tobytes(), [leaf.tobytes() for leaf in opened.state]))
        files.append(tmp_path / f"{draws_blocks}.session")
        opened.save(files[-1])
        if draws_blocks:
            assert blocks.blocks > 2
            assert blocks.steps == 0
    assert seen[0] == seen[1]
    assert isinstance(seen[0][0][0][-1], Finished)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_closing_the_answer_leaves_the_session_at_the_last_token(decoder):
    opened = session(decoder)
    answer = opened.generate(30)
    ids = [next(answer).id for _ in range(4)]
    answer.close()

    assert opened.ids() == [0, 1, 2, *ids]


@pytest.mark.parametrize("draws_blocks", [True, False])
def test_whoever_reads_an_answer_sees_each_token_committed_and_may_go_back_and_forth(
    decoder, draws_blocks, monkeypatch
):
    monkeypatch.setattr(CheckedDecoder, "draws_blocks", draws_blocks)
    opened, expected = session(decoder), session(decoder)
    ids = [event.id for event in expected.generate(9) if isinstance(event, Token)]
    outputs = [expected.here.outputs.tobytes()]
    for _ in ids[1:]:
        expected.undo_tokens(1)
        outputs.append(expected.here.outputs.tobytes())
    seen, places = [], []
    for event in opened.generate(9):
        if isinstance(event, Token):
            opened.undo_tokens(2)
            opened.redo()
            seen.append((opened.ids(), opened.here.outputs.tobytes()))
            places.append(opened.here)

    assert seen == [([0, 1, 2, *ids[:number]], outputs[-number]) for number in range(1, 10)]
    assert opened.here is places[-1]


@pytest.mark.parametrize("draws_blocks", [True, False])
def test_an_answer_ends_where_its_reader_leaves_it(decoder, draws_blocks, monkeypatch):
    monkeypatch.setattr(CheckedDecoder, "draws_blocks", draws_blocks)
    opened, seen = session(decoder), []
    for event in opened.generate(9):
        seen.append(event)
        if len(seen) == 4:
            opened.undo_tokens(3)

    assert seen[-1].stop == "interrupt"
    assert len(seen) == 5
    assert opened.ids() == [0, 1, 2, seen[0].id]


def test_outputs_that_are_not_valid_end_the_answer_before_their_token(decoder):
    opened = session(Counting(decoder, sound=5))
    events = []
    with pytest.raises(PluginError, match="the model tiny returned NaN"):
        events.extend(opened.generate(30))  # keeps what it was given before the error

    tokens = [event.id for event in events if isinstance(event, Token)]
    assert opened.ids() == [0, 1, 2, *tokens]
    assert len(tokens) == 5
    assert events[-1].stop == "error"


def test_interventions_and_samplers_without_rules_are_asked_for_each_token(decoder):
    counting = Counting(decoder)
    opened = session(counting, (RepeatPenalty(1.5),))
    ended(opened, max_tokens=4)
    opened.chain = CHAINS[1]
    opened.intervene([Clamp("hidden[0:0]", 0, (0, 0), np.float32(0.5))])
    before = counting.steps
    ended(opened, max_tokens=4)

    assert counting.blocks == 0
    assert counting.steps == before + 4
    assert opened.state.hidden[0, 0, 0] == 0.5


@dataclass(frozen=True)
class Ending:
    """A sampler that ends an answer after a token."""

    name: ClassVar[str] = "ending"
    token: int

    def __call__(self, logits, context):
        return END if context.tokens[-1] == self.token else logits


@pytest.mark.parametrize(
    ("chain", "options", "interrupt_after"),
    [
        (CHAINS[2], {"max_tokens": 20}, -1),
        ((RepeatPenalty(1.5), Temperature(1.2)), {"max_tokens": 20, "stop": "ab"}, -1),
        ((Ending(5), Temperature(1.2)), {"max_tokens": 20}, -1),
        (CHAINS[1], {"max_tokens": 20}, 30),
    ],
    ids=str,
)
def test_candidates_that_are_drawn_together_are_those_one_by_one(
    decoder, chain, options, interrupt_after, monkeypatch, tmp_path
):
    monkeypatch.setattr(together, "MOST_ROWS", 3)
    seen, steps = [], []
    for share in (True, False):
        decoder.stack.rows_share_weights = share
        counting = Counting(decoder)
        counting.rows_share_weights = decoder.rows_share_weights
        opened = session(counting, chain)
        ended(opened, **options)
        before, found = counting.steps, []
        for number, event in enumerate(opened.regenerate(5), 1):
            found.append(event)
            if number == interrupt_after:
                opened.interrupt()
        steps.append(counting.steps - before)
        file = tmp_path / f"{share}.session"
        opened.chain = ()
        opened.save(file)
        seen.append(([repr(event) for event in found], opened.ids(), repr(opened.branches()), file.read_bytes()))

    assert seen[0] == seen[1]
    assert 0 < steps[0] < sum(isinstance(event, Token) for event in found)


class Faulty(Counting):
    """A decoder whose blocks are wrong."""

    def __init__(self, decoder, result):
        super().__init__(decoder)
        self._result = result

    def draw_block(self, outputs, state, rules, excluded, numbers):
        return self._result(*self._decoder.draw_block(outputs, state, rules, excluded, numbers))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (lambda ids, rows, states: ids / 0, "failed: TypeError"),
        (lambda ids, rows, states: (ids[1:], rows, states), "draw_block returned lists of other lengths"),
        (lambda ids, rows, states: (["a"] * len(ids), rows, states), "failed: TypeError"),
    ],
)
def test_a_block_that_is_not_valid_names_the_model(decoder, result, said):
    with pytest.raises(PluginError, match=f"the model tiny .*{said}"):
        list(session(Faulty(decoder, result)).generate(5))


def test_outputs_of_another_shape_are_not_used(decoder):
    short = Faulty(decoder, lambda ids, rows, states: (ids, [row[:, 1:] for row in rows], states))

    assert ended(session(short), max_tokens=9) == ended(session(decoder), max_tokens=9)
