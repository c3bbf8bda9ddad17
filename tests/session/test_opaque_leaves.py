"""States whose leaves are opaque to the host: everything works as with arrays, and only rows are ever asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seqshell
from seqshell.core.model import Model
from seqshell.core.state import as_array, is_opaque, leaves, map_leaves, rows
from seqshell.host import Registry
from seqshell.models.torch_decoder import DeviceLeaf, TorchDecoder
from seqshell.session import Session
from seqshell.testing import (
    check_architecture,
    failed,
    run,
    tiny_classification_model,
    tiny_forecast_model,
    tiny_model,
    tiny_tagging_model,
    tiny_translation_model,
)

MODELS = {
    "generate": (tiny_model, ["/set max_tokens 9", "abc", "/regen 2", "/continue 5", "/undo 2", "/continue 40"]),
    "translate": (tiny_translation_model, ["i love the cat", "see the dog", "/regen", "/attention", "/undo", "/redo"]),
    "classify": (tiny_classification_model, ["abc", "/undo", "cab"]),
    "tag": (tiny_tagging_model, ["abc", "/undo", "cab ab"]),
    "forecast": (tiny_forecast_model, ["1 2 3 4", "/forecast 4", "/undo", "2 3"]),
}


class Held:
    """A leaf that hides its array, and counts the copies of all leaves."""

    copies = 0

    def __init__(self, array: Any) -> None:
        self._array = array

    def rows(self, which: Any) -> Held:
        return Held(np.array(self._array[which]))

    def to_numpy(self) -> Any:
        Held.copies += 1
        return self._array.copy()

    def from_numpy(self, array: Any) -> Held:
        return Held(np.array(array))


class HeldDecoder:
    """A decoder whose states are held. A leaf that does not change stays the same object."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def initial_state(self, batch_size: int = 1) -> Any:
        return map_leaves(Held, self._inner.initial_state(batch_size))

    def encode(self, source: Any, lengths: Any) -> Any:
        return map_leaves(Held, self._inner.encode(source, lengths))

    def step(self, inputs: Any, state: Any) -> Any:
        return self._called(self._inner.step, inputs, state)

    def feed(self, inputs: Any, state: Any) -> Any:
        return self._called(self._inner.feed, inputs, state)

    def _called(self, call: Any, inputs: Any, state: Any) -> Any:
        before = map_leaves(lambda leaf: leaf._array, state)
        outputs, after = call(inputs, before)
        known = {id(array): leaf for array, leaf in zip(leaves(before), leaves(state), strict=True)}
        return outputs, map_leaves(lambda array: known.get(id(array)) or Held(array), after)


def held(model: Model) -> Model:
    return replace(model, decoder=HeldDecoder(model.decoder))


def shown(lines: list[str], model: Model) -> list[Any]:
    """What a session shows for some lines, as JSON without numbers of bytes."""
    events = run(lines, model=model)
    return [(type(event).__name__, event.as_json(), event.as_text()) for event in events]


@pytest.mark.parametrize("task", MODELS)
def test_a_conversation_is_the_same_as_with_arrays(task: str) -> None:
    make, lines = MODELS[task]

    assert shown(lines, held(make())) == shown(lines, make())


@pytest.mark.parametrize("strategy", ["beam width=3", "diverse_beam width=4 groups=2", "greedy"])
@pytest.mark.parametrize("task", ["generate", "translate"])
def test_searches_are_the_same_as_with_arrays(task: str, strategy: str) -> None:
    make, lines = MODELS[task]
    lines = [f"/strategy {strategy}", *lines]

    assert shown(lines, held(make())) == shown(lines, make())


def test_the_lines_of_a_file_are_translated_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("i love the cat\nthe\nsee the old dog\nlove\n" * 4)
    lines = ["/strategy beam width=2", f"/translate @{path}"]

    assert shown(lines, held(tiny_translation_model())) == shown(lines, tiny_translation_model())


def test_an_answer_copies_no_leaf() -> None:
    session = Session(held(tiny_model()))
    before = Held.copies
    session.feed("abc")
    list(session.generate(20))
    session.undo()
    list(session.generate(20))

    assert Held.copies == before
    assert all(map(is_opaque, leaves(session.here.state)))


@pytest.mark.parametrize("task", MODELS)
def test_a_saved_session_is_restored_with_leaves_of_the_same_kind(
    task: str, tmp_path: Path, registry: Registry
) -> None:
    make, lines = MODELS[task]
    path = tmp_path / "talk.safetensors"
    more = [f"/restore {path}", *lines[1:2], "/state"]
    run([*lines, f"/save {path}"], model=held(make()))
    run([*lines, f"/save {tmp_path / 'plain.safetensors'}"], model=make())

    session = Session.restore(path, held(make()), strategies=registry.strategies, samplers=registry.samplers)
    assert all(map(is_opaque, leaves(session.here.state)))
    assert shown(more, held(make()))[:-1] == shown(more, make())[:-1]  # a file of one kind opens with the other
    assert path.read_bytes()[-64:] == (tmp_path / "plain.safetensors").read_bytes()[-64:]


def test_state_and_top_look_at_the_numbers() -> None:
    lines = ["abc", "/state", "/top 3", "/score abc"]
    held_one, plain = (shown(lines, model) for model in (held(tiny_model()), tiny_model()))

    drop = lambda events: [  # noqa: E731  # short
        line for event in events for line in str(event[2]).splitlines() if "snapshots" not in line
    ]
    assert drop(held_one) == drop(plain)
    assert any("norm" in line for line in drop(held_one))


def test_old_snapshots_of_opaque_leaves_are_removed_too() -> None:
    """A leaf that tells its size counts for the budget; the text is the same after going back."""

    class Sized(Held):
        nbytes = 1_000_000

    class SizedDecoder(HeldDecoder):
        def initial_state(self, batch_size: int = 1) -> Any:
            return map_leaves(Sized, self._inner.initial_state(batch_size))

        def _called(self, call: Any, inputs: Any, state: Any) -> Any:
            outputs, after = super()._called(call, inputs, state)
            return outputs, map_leaves(lambda leaf: Sized(leaf._array), after)

    model = tiny_model()
    session = Session(replace(model, decoder=SizedDecoder(model.decoder)), snapshot_mb=20)
    plain = Session(tiny_model())
    for each in (session, plain):
        each.feed("abc")
        list(each.generate(100))
        each.rewind(50)

    assert session._cursor.store.is_thinned
    assert session.here.state._array.tolist() == plain.here.state.tolist()


def test_the_functions_on_states_take_opaque_leaves() -> None:
    array = np.arange(6).reshape(3, 2)
    state = (Held(array), (array,))

    chosen = rows(state, [2, 0])

    assert [as_array(leaf).tolist() for leaf in leaves(chosen)] == [[[4, 5], [0, 1]]] * 2
    assert [is_opaque(leaf) for leaf in leaves(chosen)] == [True, False]
    assert not is_opaque(torch.zeros(2))


# A torch module on a device


def test_a_leaf_on_a_device_gives_rows_and_numbers() -> None:
    tensor = torch.arange(6.0).reshape(3, 2)
    leaf = DeviceLeaf(tensor)

    assert leaf.rows(slice(1)).to_numpy().tolist() == [[0, 1]]
    assert leaf.rows(slice(1)).nbytes == 8
    assert leaf.rows(np.array([2, 0, 0])).to_numpy().tolist() == [[4, 5], [0, 1], [0, 1]]
    assert leaf.rows([1]).to_numpy().tolist() == [[2, 3]]
    assert leaf.from_numpy(np.float32([[7, 8]])).tensor.tolist() == [[7, 8]]
    assert leaf.rows(slice(None)).tensor.data_ptr() == tensor.data_ptr()


@pytest.fixture
def on_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each TorchDecoder keeps its states as it does on a GPU."""
    before: Callable[..., None] = TorchDecoder.__init__

    def made(self: Any, *arguments: Any, **options: Any) -> None:
        before(self, *arguments, **options)
        self.leaf = DeviceLeaf

    monkeypatch.setattr(TorchDecoder, "__init__", made)


TRANSLATOR = {"embed_size": 3, "encoder_size": 5, "hidden_size": 6}  # as an example, without its choices


@pytest.mark.parametrize(
    ("name", "config"),
    [("lstm", None), ("seq2seq", TRANSLATOR), ("attention_seq2seq", TRANSLATOR), ("classifier", None)],
)
def test_modules_on_a_device_pass_the_check(
    on_device: None, registry: Registry, name: str, config: dict[str, int] | None
) -> None:
    assert not failed(check_architecture(replace(registry.architectures[name], decoder=None), config))


def test_a_module_on_a_device_answers_as_on_the_cpu(registry: Registry) -> None:
    from tests.training.own_models import Translator

    @dataclass(frozen=True)
    class Config:
        target_vocab_size: int

    model = tiny_translation_model()
    torch.manual_seed(0)
    module = Translator(Config(model.tokenizer.size))
    found = []
    for leaf in (None, DeviceLeaf):
        decoder = TorchDecoder(module)
        decoder.leaf = leaf or decoder.leaf
        found.append(shown(["/strategy beam width=3", *MODELS["translate"][1][:3]], replace(model, decoder=decoder)))

    assert found[0] == found[1]


# The check


def architecture(kind: type[Held]) -> seqshell.Architecture:
    from seqshell.host.builtin import load_registry

    rnn = load_registry().architectures["rnn"]

    class Own(HeldDecoder):
        def __init__(self, config: Any, weights: Any) -> None:
            from seqshell_recurrent.decoders import RNNDecoder

            super().__init__(RNNDecoder(config, weights))

        def initial_state(self, batch_size: int = 1) -> Any:
            return map_leaves(kind, self._inner.initial_state(batch_size))

        def _called(self, call: Any, inputs: Any, state: Any) -> Any:
            outputs, after = super()._called(call, inputs, state)
            return outputs, map_leaves(lambda leaf: kind(leaf._array), after)

        def features(self, state: Any) -> Any:
            return self._inner.features(map_leaves(as_array, state))

    return replace(rnn, decoder=Own)


def test_opaque_leaves_are_checked() -> None:
    class Shifted(Held):
        def from_numpy(self, array: Any) -> Held:
            return type(self)(array + 1)

    class Reversed(Held):
        def rows(self, which: Any) -> Held:
            return type(self)(self._array[which][::-1].copy())

    rule = "decoder: opaque leaves give their rows, and are the same after to_numpy and from_numpy"
    found = {
        kind: {check.rule: check for check in check_architecture(architecture(kind))}
        for kind in (Held, Shifted, Reversed)
    }

    assert not failed(found[Held].values())
    assert rule in found[Held]
    assert "after to_numpy and from_numpy: outputs: difference" in found[Shifted][rule].seen
    assert "rows(" in found[Reversed][rule].seen
