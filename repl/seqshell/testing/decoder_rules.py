"""The rules for every decoder: a plugin's own, or a torch module that the host wraps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.growth import after_step, growth_axis
from seqshell.core.sampling import Advanced, Batch, Hypotheses, Request, Stop
from seqshell.core.state import State, as_array, as_leaf, by_address, map_leaves, named_leaves, rows
from seqshell.decoding.beam import Beam
from seqshell.decoding.features import features
from seqshell.decoding.strategies import Greedy
from seqshell.testing.compare import SAME, difference, result_difference
from seqshell.testing.examples import STEPS, Example, Ids

EQUAL = 1e-4  # allowed difference of a decoder and its module


def shapes(decoder: Decoder, example: Example) -> str:
    state = first = example.start(decoder)
    for name, leaf in _arrays(first):
        if leaf.shape[:1] != (example.batch,):
            return f"the initial {name} is {list(leaf.shape)} instead of [{example.batch}, ...]: the batch comes first"
    for column in example.columns:
        outputs, state = decoder.step(column, state)
        expected = (example.batch, *example.output)
        fits = outputs.ndim == len(expected) and all(
            size in (None, seen) for seen, size in zip(outputs.shape, expected, strict=True)
        )
        if not fits or not np.issubdtype(outputs.dtype, np.floating):
            shape = ["any" if size is None else size for size in expected]
            return f"outputs {list(outputs.shape)} of {outputs.dtype} instead of {shape} of floats"
        if type(state) is not type(first):
            return f"the type of the state changes to {type(state).__name__}"
        for (name, leaf), (_, start) in zip(_arrays(state), _arrays(first), strict=True):
            if leaf.shape[:1] != (example.batch,) or leaf.dtype != start.dtype:
                after, before = (f"{list(each.shape)} of {each.dtype}" for each in (leaf, start))
                return f"{name} is {after} after a step, but {before} initially"
    return result_difference((outputs, rows(first, slice(1))), (outputs, example.rows(slice(1)).start(decoder)))


def shapes_kept(decoder: Decoder, example: Example) -> str:
    """The leaves of a state that does not grow keep their shapes."""
    state = example.start(decoder)
    before = [array.shape for _, array in _arrays(state)]
    for column in example.columns:
        _, state = decoder.step(column, state)
        for (name, array), old in zip(_arrays(state), before, strict=True):
            if array.shape != old:
                declared = '; Architecture(grows="axis") allows that' if growth_axis(old, array.shape) else ""
                return f"{name} is {list(array.shape)} after a step, but {list(old)} before{declared}"
    return ""


def grows_along_an_axis(decoder: Decoder, example: Example) -> str:
    """Each leaf keeps its shape, or becomes longer along one axis and begins with what it was."""
    state, grown = example.start(decoder), False
    for column in example.columns:
        before = list(_arrays(state))
        _, state = decoder.step(column, state)
        for (name, array), (_, old) in zip(_arrays(state), before, strict=True):
            if array.shape == old.shape:
                continue
            grown, axis = True, growth_axis(old.shape, array.shape)
            if axis is None:
                return f"{name} is {list(array.shape)} after a step, but {list(old.shape)} before: not one axis longer"
            if seen := difference(name, np.split(array, [old.shape[axis]], axis)[0], old, limit=0):
                return f"{seen}: what it was before a step must stay at its beginning"
    return "" if grown else 'no leaf grows, so Architecture(grows="axis") must be left out'


def chunks(decoder: Decoder, example: Example) -> str:
    for batch in sorted({1, example.batch}):
        part = example.rows(slice(batch))
        texts, start = part.inputs, part.start(decoder)
        whole = decoder.feed(texts, start)
        limit = part.allowed(SAME)
        for cuts in _cuts(part.steps):
            state = start
            for piece in np.split(texts, cuts, 1):
                outputs, state = decoder.feed(piece, state)
            if seen := result_difference((outputs, state), whole, limit):
                return f"cut after {', '.join(map(str, cuts))}: {seen}"
        state = start
        for column in part.columns:
            outputs, state = decoder.step(column, state)
        if seen := result_difference((outputs, state), whole, limit):
            return f"step by step: {seen}"
    return ""


def _cuts(steps: int) -> Iterator[list[int]]:
    """Where inputs are cut: after each power of two, and three times at random places."""
    power = 1
    while power < steps:
        yield [power]
        power *= 2
    random = np.random.default_rng(steps)
    for _ in range(3 if steps > 1 else 0):
        yield sorted(random.choice(np.arange(1, steps), min(5, steps - 1), replace=False).tolist())


def separate_rows(decoder: Decoder, example: Example) -> str:
    outputs, state = _in_two_chunks(decoder, example)
    for index in range(example.batch):
        row = slice(index, index + 1)
        if seen := result_difference((outputs[row], rows(state, row)), _in_two_chunks(decoder, example.rows(row))):
            return f"row {index} in the batch compared with alone: {seen}"
    return ""


def permuted(decoder: Decoder, example: Example) -> str:
    last = example.batch - 1
    order = np.array([last, 0, 0, min(1, last)])
    inputs, state = example.inputs, example.start(decoder)
    if example.steps > 1:
        _, state = decoder.feed(inputs[:, :-1], state)
    outputs, after = decoder.step(inputs[:, -1], state)
    return result_difference(decoder.step(inputs[order, -1], rows(state, order)), (outputs[order], rows(after, order)))


def unmodified(decoder: Decoder, example: Example) -> str:
    for batch in sorted({1, example.batch}):
        part = example.rows(slice(batch))
        start = part.start(decoder)
        results = start, decoder.feed(part.inputs, start)
        before = map_leaves(lambda leaf: np.array(as_array(leaf)), results)
        decoder.feed(part.inputs, results[1][1])
        decoder.step(part.inputs[:, 0], results[1][1])
        decoder.step(part.inputs[:, 0], start)
        for seen, expected in zip(results, before, strict=True):
            if changed := result_difference((np.empty(0), seen), (np.empty(0), expected), limit=0):
                return f"a later call modified an earlier result: {changed}"
    return ""


def repeated(decoder: Decoder, example: Example) -> str:
    part = example.rows(slice(1))
    _, kept = decoder.feed(part.inputs, part.start(decoder))
    read = _greedy if part.is_drawn else partial(_again, part)  # labels and values cannot be fed back
    for first, second in zip(read(decoder, kept), read(decoder, kept), strict=True):
        if seen := result_difference(second, first, limit=0):
            return f"the second time: {seen}"
    return ""


def beam_of_one(decoder: Decoder, example: Example) -> str:
    outputs, state = decoder.feed(example.inputs[:, :1], example.start(decoder))
    nothing: tuple[tuple[Any, ...], ...] = ((),) * example.batch
    start = Batch(state, outputs, nothing, nothing, (1,) * example.batch, (0,) * example.batch)
    request = Request(Stop(example.steps), keeps_states=False)
    greedy: list[list[int]] = [[] for _ in range(example.batch)]
    for step, _ in zip(Greedy().search(decoder, start, request), range(example.steps), strict=False):
        assert isinstance(step, Advanced)
        for ids, token in zip(greedy, step.tokens.tolist(), strict=True):
            ids.append(token)
    for found in Beam(width=1).search(decoder, start, request):
        assert isinstance(found, Hypotheses)
        if list(found.best[0].ids) != greedy[found.row]:
            return f"row {found.row}: {list(found.best[0].ids)} instead of {greedy[found.row]}"
    return ""


DECODER_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {
    "outputs have the task's shape; the leaves of states are [B, ...] and keep their types": shapes,
    "the rows of a batch do not affect each other": separate_rows,
    "permuted rows give permuted outputs and states": permuted,
    "a returned state is never modified": unmodified,
    "continuing twice from a state gives identical results": repeated,
}
CAUSAL_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {"reading in chunks equals reading at once": chunks}
# For models whose outputs are drawn from.
DRAWING_RULES: Mapping[str, Callable[[Decoder, Example], str]] = {
    "a beam of width 1 equals greedy decoding": beam_of_one
}


def opaque_leaves(decoder: Decoder, example: Example) -> str:
    """Leaves that are opaque to the host give their rows, and are the same after a copy to numpy and back."""
    _, state = decoder.feed(example.inputs, example.start(decoder))
    last = example.batch - 1
    for which in (slice(1), np.array([last, 0, 0])):
        expected = map_leaves(lambda leaf, which=which: as_array(leaf)[which], state)
        if seen := result_difference((np.empty(0), rows(state, which)), (np.empty(0), expected), limit=0):
            return f"rows({which}): {seen}"
    again = map_leaves(lambda leaf: as_leaf(as_array(leaf), leaf), state)
    column = example.columns[0]
    if seen := result_difference(decoder.step(column, again), decoder.step(column, state), limit=0):
        return f"after to_numpy and from_numpy: {seen}"
    return ""


def own_features(decoder: Decoder, example: Example) -> str:
    """The features of each row are floats [B, D], whatever the other rows."""
    _, state = decoder.feed(example.inputs, example.start(decoder))
    whole = features(decoder, state)
    for index in range(example.batch):
        row = slice(index, index + 1)
        if seen := difference("features", features(decoder, rows(state, row)), whole[row]):
            return f"row {index} in the batch compared with alone: {seen}"
    return ""


def equal_features(own: Decoder, module: Decoder, example: Example) -> str:
    """Compare the features of a decoder with those of its module."""
    found, expected = (features(each, each.feed(example.inputs, example.start(each))[1]) for each in (own, module))
    return difference("features", found, expected, EQUAL)


def outputs_of_states(decoder: Any, example: Example) -> str:
    """Compare the outputs that a decoder computes from states with those of the calls that returned them."""
    for batch in sorted({1, example.batch}):
        part = example.rows(slice(batch))
        outputs, state = decoder.feed(part.inputs, part.start(decoder))
        for column in part.columns:
            found = decoder.state_outputs(state)
            if found is not None and (seen := difference("state_outputs", found, outputs, EQUAL)):
                return seen
            outputs, state = decoder.step(column, state)
    return ""


def traced(decoder: Any, example: Example) -> str:
    """Compare a decoder's trace with reading at once and step by step; what is in no state, with traces of one step."""
    for batch in sorted({1, example.batch}):
        part = example.rows(slice(batch))
        state, limit = part.start(decoder), part.allowed(EQUAL)
        outputs, last, arrays = decoder.trace(part.inputs, state)
        if seen := result_difference((outputs[:, -1], last), decoder.feed(part.inputs, state), limit):
            return f"reading {batch} rows: {seen}"
        for number, column in enumerate(part.columns):
            expected = {name: array[:, 0] for name, array in decoder.trace(column[:, None], state)[2].items()}
            before = map_leaves(as_array, state)
            expected["outputs"], state = decoder.step(column, state)
            leaves_after = map_leaves(lambda leaf, old: after_step(as_array(leaf), old), state, before)
            expected |= by_address(leaves_after)
            for name, array in {"outputs": outputs, **arrays}.items():
                if seen := difference(name, array[:, number], expected[name], limit):
                    return f"step {number + 1} of {batch} rows: {seen}"
    return ""


def equals(own: Decoder, module: Decoder, example: Example) -> str:
    """Compare the outputs of a decoder with those of its module; their states may differ in type."""
    for batch in sorted({1, example.batch}):
        part, limit = example.rows(slice(batch)), example.allowed(EQUAL)
        state, expected_state = part.start(own), part.start(module)
        if seen := difference(
            "outputs", own.feed(part.inputs, state)[0], module.feed(part.inputs, expected_state)[0], limit
        ):
            return f"reading {batch} rows: {seen}"
        for column in part.columns:
            outputs, state = own.step(column, state)
            expected, expected_state = module.step(column, expected_state)
            if seen := difference("outputs", outputs, expected, limit):
                return f"stepping {batch} rows: {seen}"
    return ""


def _arrays(state: State) -> Iterator[tuple[str, NDArray[Any]]]:
    """The leaves by name, as arrays."""
    return ((name, as_array(leaf)) for name, leaf in named_leaves(state))


def _in_two_chunks(decoder: Decoder, example: Example) -> tuple[NDArray[Any], State]:
    """Read the inputs in two chunks, if there are two steps."""
    state, middle = example.start(decoder), example.steps // 2
    if middle:
        _, state = decoder.feed(example.inputs[:, :middle], state)
    return decoder.feed(example.inputs[:, middle:], state)


def _again(example: Example, decoder: Decoder, state: State) -> Iterator[tuple[NDArray[Any], State]]:
    for column in example.columns:
        outputs, state = decoder.step(column, state)
        yield outputs, state


def _greedy(decoder: Decoder, state: State) -> Iterator[tuple[NDArray[Any], State]]:
    token: Ids = np.zeros(1, np.int64)
    for _ in range(STEPS):
        outputs, state = decoder.step(token, state)
        yield outputs, state
        token = outputs.argmax(1)
