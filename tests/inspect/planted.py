"""A model with planted units, and texts with quotations, which one of the units detects."""

from typing import Any, NamedTuple

import numpy as np

from seqshell.testing.tiny_language_model import TinyDecoder

QUOTE = '"'
VOCABULARY = "\n " + QUOTE + "abcdefgh"


class Planted(NamedTuple):
    """hidden [B, H]: of an Elman network. quote [B, 2]: 1 minus what follows, and 1 inside quotation marks."""

    hidden: Any
    quote: Any


class PlantedDecoder(TinyDecoder):
    """An Elman network with two more units, by planted weights.

    q' = x + q - 2 x q, where x is 1 for a quotation mark.
    """

    def initial_state(self, batch_size=1):
        return Planted(super().initial_state(batch_size), np.tile(np.array([1, 0], np.float32), (batch_size, 1)))

    def step(self, inputs, state):
        outputs, hidden = super().step(inputs, state.hidden)
        is_mark = (inputs == VOCABULARY.index(QUOTE)).astype(np.float32)
        inside = is_mark + state.quote[:, 1] - 2 * is_mark * state.quote[:, 1]
        return outputs, Planted(hidden, np.stack([1 - inside, inside], 1))

    def state_outputs(self, state):
        return super().state_outputs(state.hidden)


def quoted_text(size=1200):
    """Words, with quotations of different lengths."""
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefgh"), random.integers(1, 6))) for _ in range(size // 3)]
    parts = []
    while words:
        number = int(random.integers(1, 6))
        part, words = " ".join(words[:number]), words[number:]
        parts.append(f"{QUOTE}{part}{QUOTE}" if random.random() < 0.4 else part)
    return "\n".join(parts)[:size]


def send(shell, line):
    return list(shell.handle(line))


def only(events, kind):
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def place(shell):
    session = shell.session
    return session.here, session.position, len(session.behaviour.cursor.timeline), shell.settings.get("color")
