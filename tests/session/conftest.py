"""Fixtures of the session's tests: sessions on tiny models, and functions that read their events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from seqshell import UNK, Hypotheses, Hypothesis, setting
from seqshell.core.events import Finished, Token, Translation
from seqshell.core.tokenizers import CharTokenizer
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.session import Session
from seqshell.testing import tiny_classification_model, tiny_model, tiny_translation_model

TRANSLATION_MODEL = tiny_translation_model()


@dataclass(frozen=True)
class Scaled:
    """Divides the logits by a number."""

    name: ClassVar[str] = "scaled"
    about_chance: ClassVar[bool] = True
    value: float = setting(1.0, low=0.01, high=100)

    def __call__(self, logits, context):
        return logits / self.value


@pytest.fixture(scope="session")
def scaled():
    """A sampler that divides the logits by a number."""
    return Scaled


@pytest.fixture(scope="session")
def new_session():
    """Return a function that starts a session on the tiny language model."""

    def start(**options):
        strategies = {"greedy": Greedy, "sample": Sample}
        return Session(tiny_model(), samplers={"scaled": Scaled}, strategies=strategies, **options)

    return start


@pytest.fixture
def session(new_session):
    """A session on the tiny language model."""
    return new_session()


@pytest.fixture(scope="session")
def joined():
    """Return a function that joins the texts of the Token events."""
    return lambda events: "".join(event.text for event in events if isinstance(event, Token))


@pytest.fixture(scope="session")
def ends():
    """Return a function that gives the Finished events, one for each answer."""
    return lambda events: [event for event in events if isinstance(event, Finished)]


class Script:
    """A model that writes a given text, whatever it reads: its state is the number of tokens read."""

    def __init__(self, ids, size):
        self.ids, self.size = ids, size

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 1), np.int64)

    def step(self, inputs, state):
        state = state + 1
        return np.stack([self.outputs(row) for row in state[:, 0]]), state

    def feed(self, inputs, state):
        for column in range(inputs.shape[1]):
            outputs, state = self.step(inputs[:, column], state)
        return outputs, state

    def outputs(self, position):
        return np.where(np.arange(self.size) == self.ids[(position - 1) % len(self.ids)], 50, 0).astype(np.float32)


@pytest.fixture(scope="session")
def writing():
    """Return a function that starts a session whose model writes a text again and again, after one token."""

    def start(text, tokenizer=None, **options):
        tokenizer = tokenizer or CharTokenizer("".join(sorted(set(text) | {">"})))
        ids = tokenizer.encode(text) if isinstance(text, str) else list(text)
        session = Session(replace(tiny_model(), decoder=Script(ids, tokenizer.size), tokenizer=tokenizer), **options)
        session.feed_ids([tokenizer.encode(">")[0]])
        return session

    return start


@pytest.fixture(scope="session")
def written():
    """Return a function that gives the text of such a session after its first token."""
    return lambda session: session.text().text[1:]


@dataclass(frozen=True)
class Firsts:
    """A search: one answer per most likely first token, each continued greedily; the best of them comes first."""

    name: ClassVar[str] = "firsts"
    streams: ClassVar[bool] = False
    together: bool = False  # step all answers in one batch

    def search(self, decoder, start, request):
        excluded = list(request.excluded)

        def allowed(outputs):
            logs = log_probs(outputs)
            logs[:, excluded] = -np.inf
            return logs

        found = []
        first = [request.prefix[0]] if request.prefix else np.argsort(-allowed(start.outputs)[0])[: request.num_best]
        for token in first:
            ids, states, outputs, now, log_prob = [], [], [], (start.outputs, start.state), 0.0
            for place in range(request.stop.max_tokens):
                logs = allowed(now[0])[0]
                chosen = (
                    request.prefix[place] if place < len(request.prefix) else token if place == 0 else logs.argmax()
                )
                log_prob += logs[chosen]
                if chosen in request.stop.ids:
                    break
                if self.together:  # return a view of a batch
                    two = tuple(np.concatenate([leaf, leaf]) for leaf in now[1])
                    outs, state = decoder.step(np.array([chosen, UNK]), type(now[1])(*two))
                    now = outs[:1], type(state)(*(leaf[:1] for leaf in state))
                else:
                    now = decoder.step(np.array([chosen]), now[1])
                ids.append(int(chosen))
                outputs.append(now[0])
                states.append(now[1])
            found.append(Hypothesis(tuple(ids), log_prob, log_prob / (len(ids) + 1), tuple(states), tuple(outputs)))
        yield Hypotheses(0, tuple(sorted(found, key=lambda each: -each.score)))


@pytest.fixture(scope="session")
def firsts():
    """A search that finds one answer per most likely first token; `together`: in one batch."""
    return Firsts


@pytest.fixture(scope="session")
def translation_strategies():
    """The strategies of `new_translator`, by name."""
    return {"greedy": Greedy, "sample": Sample, "firsts": Firsts}


@pytest.fixture(scope="session")
def translation_model():
    """A tiny translation model."""
    return TRANSLATION_MODEL


@pytest.fixture(scope="session")
def new_translator(translation_strategies):
    """Return a function that starts a session on a translation model, by default the tiny one."""

    def start(model=TRANSLATION_MODEL, strategy="greedy", **options):
        session = Session(model, strategies=translation_strategies, **options)
        session.strategy = translation_strategies[strategy]()
        return session

    return start


@pytest.fixture(scope="session")
def translated():
    """Return a function that reads the events of one translation and gives the last, the Translation."""

    def last(events):
        *_, finished = events
        assert isinstance(finished, Translation)
        return finished

    return last


@pytest.fixture(params=[True, False], ids=["causal", "whole"])
def model(request):
    """A classifier that reads token by token, and one that reads whole texts."""
    return tiny_classification_model(causal=request.param, seed=1)
