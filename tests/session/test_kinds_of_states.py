"""States with a cache that grows, complex numbers and -inf: snapshots, going back, beams and saved sessions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from seqshell.core.errors import CheckpointError
from seqshell.core.state import leaves
from seqshell.decoding.beam import Beam
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.models import file
from seqshell.session import Session
from seqshell.testing import tiny_model

SIZE = 4
STRATEGIES = {"greedy": Greedy, "sample": Sample, "beam": Beam}
TOKEN_BYTES = 2 * SIZE * 4  # that keys and values add with each token
FIXED = 12 * SIZE + 8  # of the other leaves


class Mixed(NamedTuple):
    """keys [B, H, T], values [B, T, H], phase [B, H] complex64, most [B, H], the largest keys so far, -inf at first.

    number [B] int64: of tokens.
    """

    keys: Any
    values: Any
    phase: Any
    most: Any
    number: Any


class MixedDecoder:
    """Attention over the keys of all tokens, a rotation, and a running maximum."""

    def __init__(self, vocab_size):
        random = np.random.default_rng(0)
        self.embedding = random.normal(0, 1, (vocab_size, SIZE)).astype(np.float32)
        self.readout = random.normal(0, 1, (SIZE, vocab_size)).astype(np.float32)

    def initial_state(self, batch_size=1):
        shapes = (batch_size, SIZE, 0), (batch_size, 0, SIZE)
        empty = (np.zeros(shape, np.float32) for shape in shapes)
        return Mixed(
            *empty,
            np.ones((batch_size, SIZE), np.complex64),
            np.full((batch_size, SIZE), -np.inf, np.float32),
            np.zeros(batch_size, np.int64),
        )

    def step(self, inputs, state):
        x = self.embedding[inputs]
        keys = np.concatenate([state.keys, x[..., None]], 2)
        values = np.concatenate([state.values, np.tanh(x)[:, None]], 1)
        scores = np.einsum("bh,bht->bt", x, keys)
        weights = np.exp(scores - scores.max(1, keepdims=True))
        phase = (state.phase * np.exp(1j * x) * 0.9 + x).astype(np.complex64)
        most = np.maximum(state.most, x)
        hidden = np.einsum("bt,bth->bh", weights / weights.sum(1, keepdims=True), values) + phase.real + 0.1 * most
        return hidden.astype(np.float32) @ self.readout, Mixed(keys, values, phase, most, state.number + 1)

    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state


def mixed_model():
    model = tiny_model()
    return replace(model, decoder=MixedDecoder(model.tokenizer.size), grows="axis", fingerprint="mixed")


MODEL = mixed_model()


def started(**options):
    return Session(MODEL, strategies=STRATEGIES, **options)


def answered(session, text, tokens, **options):
    """The text of an answer."""
    *_, finished = session.respond(text, tokens, **options)
    return finished.text


def bits(session):
    return [leaf.tobytes() for leaf in leaves(session.here.state)], session.here.outputs.tobytes()


@pytest.fixture(params=[256, 0.002, 0], ids=["all kept", "thinned", "nothing kept"])
def budget(request):
    return request.param


@pytest.mark.parametrize("strategy", ["sample", "beam width=3"])
def test_every_earlier_position_has_the_bits_that_it_had(budget, strategy):
    session = started(snapshot_mb=budget)
    seen = {}
    for line in ("abc", "ab cd efgh" * 9, "h"):
        for _ in session.respond(line, 40, strategy=strategy):
            seen[session.position] = bits(session)
    end = session.position
    for position in sorted(seen, reverse=True):
        if position < end:
            session.rewind(position)
            if strategy == "sample" or budget:
                assert bits(session) == seen[position], position


def test_a_cache_of_n_tokens_takes_the_memory_of_n_tokens():
    session = started()
    answered(session, "abc", 500)
    store, fixed = session._cursor.store, FIXED + session.here.outputs.nbytes

    assert store.kept == 502
    assert store.bytes == 503 * TOKEN_BYTES + 502 * fixed


def test_branches_share_the_beginning_of_their_caches():
    session = started()
    answered(session, "abc" * 30, 100)
    before = session._cursor.store.bytes
    list(session.regenerate())

    assert session._cursor.store.bytes - before == 100 * (TOKEN_BYTES + FIXED + session.here.outputs.nbytes)


def test_snapshot_mb_limits_a_cache_and_undo_is_still_exact():
    session, free = started(snapshot_mb=0.01), started()
    for each in (session, free):
        answered(each, "abc", 2000)
    assert session._cursor.store.bytes <= 10_000
    for each in (session, free):
        each.rewind(1234)
    assert bits(session) == bits(free)


def test_a_saved_session_continues_with_the_same_bits(budget, tmp_path):
    path = tmp_path / "one.safetensors"
    session = started(snapshot_mb=budget)
    for line in ("abc", "ab cd efgh" * 9, "h"):
        answered(session, line, 50)
    session.branch_off("other")
    answered(session, "a", 50, strategy="beam width=3")
    session.save(path)
    restored = Session.restore(path, MODEL, strategies=STRATEGIES, snapshot_mb=budget)

    for each in (session, restored):
        each.checkout("main")
    assert bits(restored) == bits(session)
    for each in (session, restored):
        each.rewind(77)
    assert bits(restored) == bits(session)
    assert answered(restored, "d", 30) == answered(session, "d", 30)


def test_a_saved_session_shares_what_its_snapshots_share(tmp_path):
    sizes = []
    for length in (1000, 2000):
        session = started()
        answered(session, "abc", length)
        session.save(path := tmp_path / "one.safetensors")
        sizes.append(sum(array.nbytes for name, array in file.read(path)[1].items() if name.startswith("state")))

    assert sizes[1] < 2.1 * sizes[0]


def test_a_saved_cache_that_continues_nothing_is_refused(tmp_path):
    session = started()
    answered(session, "abc", 100)
    session.save(path := tmp_path / "one.safetensors")
    header, tensors = file.read(path)
    for name, wrong in (("before", 3), ("before", -2), ("axis", 0), ("axis", 1)):
        array = tensors[f"state.keys.{name}"].copy()
        array[1] = wrong
        file.write(path, header, {**tensors, f"state.keys.{name}": array})
        with pytest.raises(CheckpointError, match="damaged"):
            Session.restore(path, MODEL, strategies=STRATEGIES)


def test_a_state_that_breaks_its_promise_is_kept_whole(tmp_path):
    class Forgetting(MixedDecoder):
        """Its cache is a window, and what is in it fades."""

        def step(self, inputs, state):
            outputs, new = super().step(inputs, state)
            return outputs, new._replace(values=0.5 * new.values[:, -5:], keys=new.keys[:, :, -5:])

    model = replace(MODEL, decoder=Forgetting(MODEL.tokenizer.size))
    session = Session(model, strategies=STRATEGIES)
    seen = {}
    for _ in session.respond("abc", 50):
        seen[session.position] = bits(session)
    session.save(path := tmp_path / "one.safetensors")
    for each in (session, Session.restore(path, model, strategies=STRATEGIES)):
        for position in (50, 21, 5, 4):
            each.rewind(position)
            assert bits(each) == seen[position]


def test_state_shows_complex_and_infinite_numbers():
    session = started()
    assert session.describe()["state.most"] == f"{SIZE} float32, norm 0, {SIZE} of {SIZE} infinite"
    answered(session, "abc", 5)
    phase = session.here.state.phase
    assert session.describe()["state.phase"] == f"{SIZE} complex64, norm {np.linalg.norm(phase):.4g}"
    assert session.describe()["state.keys"].startswith(f"{SIZE} x 8 float32")
