"""Check what a decoder returns: with one step when a checkpoint is opened, and in `plugins check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from seqshell.core.errors import CheckpointError
from seqshell.core.model import DRAW_BLOCK, SURPRISALS, Architecture, own_method
from seqshell.core.plugin_guard import Guard, Owner, WrongReturn
from seqshell.core.state import is_opaque
from seqshell.core.state_checks import called, leaf_trouble, structure_trouble
from seqshell.core.trace_checks import checked_trace
from seqshell.models.task_parts.parts import Contents, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.decoder import Decoder, SourceDecoder
    from seqshell.core.state import Arrays, State


class WatchedDecoder:
    """A decoder whose states are checked: their leaves must be arrays. WrongReturn names the method."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def initial_state(self, batch_size: int = 1) -> State:
        """As Decoder.initial_state."""
        return _checked(self._decoder.initial_state(batch_size), self._decoder.initial_state)

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """As SourceDecoder.encode."""
        decoder = cast("SourceDecoder", self._decoder)
        return _checked(decoder.encode(source, lengths), decoder.encode)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """As Decoder.step."""
        return _checked_pair(self._decoder.step(inputs, state), self._decoder.step, state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """As Decoder.feed."""
        return _checked_pair(self._decoder.feed(inputs, state), self._decoder.feed, state)

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """As the decoder's state_outputs; None if it has none."""
        method = own_method(self._decoder, "state_outputs", "state")
        return None if method is None else method(state)

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays] | None:
        """As the decoder's trace, of which the leaves that do not change are there too; None if it has none."""
        method = own_method(self._decoder, "trace", "inputs", "state")
        return None if method is None else checked_trace(method(inputs, state), method, inputs, state)

    def draw_block(self, outputs: NDArray[Any], *options: Any) -> Any:
        """As the decoder's draw_block; None if it has none."""
        method = own_method(self._decoder, "draw_block", *DRAW_BLOCK)
        return None if method is None else method(outputs, *options)

    def in_precision(self, precision: str) -> Decoder:
        """As the decoder's in_precision; itself if it has none."""
        method = own_method(self._decoder, "in_precision", "precision")
        return self._decoder if method is None else method(precision)

    def surprisals(self, inputs: NDArray[Any], targets: NDArray[Any], state: State) -> Any:
        """As the decoder's surprisals; None if it has none."""
        method = own_method(self._decoder, "surprisals", *SURPRISALS)
        return None if method is None else method(inputs, targets, state)

    @property
    def has_surprisals(self) -> bool:
        """Whether the decoder has a method surprisals."""
        return own_method(self._decoder, "surprisals", *SURPRISALS) is not None

    def outputs_of_steps(self, inputs: NDArray[Any], state: State) -> Any:
        """As the decoder's outputs_of_steps; None if it has none."""
        method = own_method(self._decoder, "outputs_of_steps", "inputs", "state")
        return None if method is None else method(inputs, state)

    @property
    def has_outputs_of_steps(self) -> bool:
        """Whether the decoder has a method outputs_of_steps."""
        return own_method(self._decoder, "outputs_of_steps", "inputs", "state") is not None

    def token_outputs(self, inputs: NDArray[Any]) -> Any:
        """As the decoder's token_outputs. WrongReturn if it has none."""
        method = own_method(self._decoder, "token_outputs", "inputs")
        if method is None:
            raise WrongReturn("a decoder that is not causal needs token_outputs(inputs)", self._decoder.feed)
        return method(inputs)

    @property
    def has_token_outputs(self) -> bool:
        """Whether the decoder has a method token_outputs."""
        return own_method(self._decoder, "token_outputs", "inputs") is not None

    @property
    def has_precisions(self) -> bool:
        """Whether the decoder has a method in_precision."""
        return own_method(self._decoder, "in_precision", "precision") is not None

    @property
    def draws_blocks(self) -> bool:
        """Whether the decoder has a method draw_block."""
        return own_method(self._decoder, "draw_block", *DRAW_BLOCK) is not None

    @property
    def traces(self) -> bool:
        """Whether the decoder has a method trace."""
        return own_method(self._decoder, "trace", "inputs", "state") is not None

    @property
    def tells_outputs(self) -> bool:
        """Whether the decoder has a method state_outputs."""
        return own_method(self._decoder, "state_outputs", "state") is not None


class _WithFeatures(WatchedDecoder):
    """The same, of a decoder that has features."""

    def features(self, state: State) -> NDArray[Any]:
        """As the decoder's features."""
        found: NDArray[Any] = self._decoder.features(state)  # type: ignore[attr-defined]  # an optional method
        return found


def watched_decoder(decoder: Decoder) -> WatchedDecoder:
    """The decoder, watched."""
    return (_WithFeatures if own_method(decoder, "features", "state") else WatchedDecoder)(decoder)


def _checked(state: State, by: Any) -> State:
    import numpy as np

    if trouble := leaf_trouble(state, lambda leaf: isinstance(leaf, np.ndarray) or is_opaque(leaf), "a numpy array"):
        raise WrongReturn(f"{by.__name__} must return {trouble}", by)
    return state


def _checked_pair(found: Any, by: Any, before: State) -> tuple[NDArray[Any], State]:
    if not isinstance(found, tuple) or len(found) != 2:
        seen = f"{len(found)} values" if isinstance(found, tuple) else called(found)
        raise WrongReturn(f"{by.__name__} must return two values, the outputs and the new state, not {seen}", by)
    _checked(found[1], by)
    if trouble := structure_trouble(found[1], before):
        raise WrongReturn(f"{by.__name__} must return {trouble}", by)
    return found


def check_step(decoder: Decoder, architecture: Architecture, contents: Contents) -> None:
    """Try one step, so that a broken model fails now and not in the middle of an answer. Raises CheckpointError."""
    import numpy as np

    parts = parts_of(architecture.task)
    what = f"the architecture {architecture.name}"
    with (
        Guard(what, Owner(), "fails with these weights", passes_errors=False, raises=CheckpointError),
        np.errstate(all="ignore"),
    ):
        outputs = parts.try_step(watched_decoder(decoder), contents)
    shape, reason = parts.output_shape(contents)
    if outputs.shape != (1, *shape):
        raise CheckpointError(f"the model's outputs have the shape {outputs.shape}, not {(1, *shape)}: {reason}")
    if not np.isfinite(outputs).all():
        raise CheckpointError("the model's outputs are not finite numbers")
