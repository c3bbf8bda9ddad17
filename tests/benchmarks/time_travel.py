"""The time that it takes to go back, after 10, 1,000 and 100,000 tokens.

    python tests/benchmarks/time_travel.py [RUNS]

kept      every snapshot is in memory: undo, rewind and checkout take the same time for every length of the text
tail      reading the last two lines of the text, which a command shows after a move; a text of 10 tokens is shorter
thinned   a small budget keeps only every 32nd of the oldest snapshots: at most 32 more steps of the model

The model is an Elman network of 128 units over 65 characters, whose steps are cheap, so that the session is measured.
Sessions take turns; medians of RUNS (200) with their quartiles, which show the noise. Before each move, the processor's
caches are filled with other data: otherwise a short session would be in the cache and a long one not, and the cache
would be measured.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from seqshell.session import Session
from seqshell.testing.tiny_language_model import tiny_model
from seqshell_samplers.bias import Bias

LENGTHS = (10, 1_000, 100_000)
TURN = 200  # tokens of an answer at most
STRIDE = 32
CACHES = np.zeros(64_000_000, dtype=np.uint8)  # larger than the caches of a processor
VOCABULARY = "\n" + "".join(map(chr, range(33, 97)))
SHORT_LINES = Bias("#0:3")  # lines of the same length in short and long texts, since a move shows the last two


class Counting:
    """A decoder that counts its steps, one for each token that it reads."""

    def __init__(self, decoder: Any) -> None:
        self._decoder, self.steps = decoder, 0
        self.initial_state = decoder.initial_state

    def step(self, inputs: Any, state: Any) -> Any:
        self.steps += 1
        return self._decoder.step(inputs, state)

    def feed(self, inputs: Any, state: Any) -> Any:
        self.steps += inputs.shape[1]
        return self._decoder.feed(inputs, state)


def session_of(length: int, snapshot_mb: float) -> Session:
    """A session that generated `length` tokens in turns, with a branch `middle` half-way."""
    model = tiny_model(VOCABULARY, hidden_size=128)
    session = Session(replace(model, decoder=Counting(model.decoder)), snapshot_mb=snapshot_mb)
    session.chain = (SHORT_LINES,)
    turn = min(TURN, length // 2)
    for start in range(0, length, turn):
        session.begin_turn()
        for _ in session.generate(turn):
            pass
        if start < length // 2 <= start + turn:
            session.branch_off("middle")
            session.checkout("main")
    return session


def undo(session: Session, number: int) -> Callable[[], object]:
    session.undo()
    return session.redo


def rewind(session: Session, number: int) -> Callable[[], object]:
    half = session.position // 2
    session.rewind(half - number % min(half, 2 * STRIDE))
    return session.redo


def checkout(session: Session, number: int) -> Callable[[], object]:
    session.checkout("middle")
    return lambda: session.checkout("main")


def tail(session: Session, number: int) -> Callable[[], object]:
    shown = session.tail
    return lambda: shown


def measure(
    sessions: dict[int, Session], move: Callable[[Session, int], Callable[[], object]], runs: int
) -> dict[int, tuple[list[float], int]]:
    """For each length: the quartiles of the microseconds of a move, and the largest number of model steps in one."""
    times: dict[int, list[float]] = {length: [] for length in sessions}
    steps = dict.fromkeys(sessions, 0)
    for number in range(runs):
        for length, session in sessions.items():
            decoder: Any = session.model.decoder
            CACHES[:] = number % 256
            decoder.steps, start = 0, time.perf_counter()
            back = move(session, number)
            times[length].append((time.perf_counter() - start) * 1e6)
            steps[length] = max(steps[length], decoder.steps)
            back()
    return {length: (statistics.quantiles(times[length]), steps[length]) for length in sessions}


def main(runs: int) -> None:
    kept = {length: session_of(length, 2_000) for length in LENGTHS}
    thinned = {length: session_of(length, length * 300 / 1e6) for length in LENGTHS}
    for name, sessions in (("kept", kept), ("thinned", thinned)):
        for move in (undo, rewind, checkout, *([tail] if name == "kept" else [])):
            found = measure(sessions, move, runs)
            shown = " · ".join(
                f"{length:,} tokens {taken:.1f} us ({low:.1f} to {high:.1f})"
                for length, ((low, taken, high), _) in found.items()
            )
            most, limit = max(steps for _, steps in found.values()), 0 if name == "kept" else STRIDE
            short, middle, long = (found[length][0][1] for length in LENGTHS)
            ratios = f"long over short {long / short:.2f}, over middle {long / middle:.2f}"
            print(f"{name:8}{move.__name__:9}{shown} · {ratios} · at most {most} steps (limit {limit})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
