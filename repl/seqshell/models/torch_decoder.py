"""A decoder around any torch module, for architectures that have no numpy decoder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqshell.core.model import Architecture, own_method
from seqshell.core.state import State, leaves, map_leaves
from seqshell.decoding.features import of_leaves
from seqshell.layers.padding import read_padded
from seqshell.models.task_parts.parts import parts_of

CHUNK = 1024  # time steps per call, so that the outputs of a long text are not all in memory


class TorchDecoder:
    """Runs a SequenceModel as a Decoder. The module is put into eval mode and stays on its device.

    causal: False for models that must read a text at once; feed then makes a single call.
    is_padded: whether the rows of a feed may be padded right, as for CLASSIFY; a causal module does not see the
    padding.
    """

    def __init__(self, module: nn.Module, *, causal: bool = True, is_padded: bool = False) -> None:
        self.module = module.eval()
        self.causal = causal
        self.is_padded = is_padded
        first = next(module.parameters(), None)
        self.device = torch.device("cpu") if first is None else first.device

    @torch.inference_mode()
    def initial_state(self, batch_size: int = 1) -> State:
        """Leaves [batch_size, ...]."""
        return map_leaves(_array, self.module.initial_state(batch_size))  # type: ignore[operator]  # a SequenceModel has it

    @torch.inference_mode()
    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded right; lengths: [B].

        Returns the state before BOS is read, of a module that is a Seq2Seq.
        """
        with without_onednn():
            module: Any = self.module  # a Seq2Seq
            state = module.encode(self._tensor(source), self._tensor(lengths))
        arrays: dict[int, NDArray[Any]] = {}  # a tensor that occurs twice becomes one array
        return map_leaves(
            lambda leaf: arrays[id(leaf)] if id(leaf) in arrays else arrays.setdefault(id(leaf), _array(leaf)), state
        )

    @torch.inference_mode()
    def features(self, state: State) -> NDArray[Any]:
        """[B, D]: those of the module, or else all floats of the state."""
        method = own_method(self.module, "features")
        return of_leaves(state) if method is None else _array(method(map_leaves(self._tensor, state)))

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64, or [B, F] float32. Returns outputs [B, V], state."""
        return self._call(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T], or [B, T, F]; T >= 1. Returns the outputs [B, V] after the last, state."""
        return read_padded(self._feed, inputs, state) if self.is_padded and self.causal else self._feed(inputs, state)

    def _feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        length = inputs.shape[1]
        chunk = CHUNK if self.causal else length
        for start in range(0, length, chunk):
            outputs, state = self._call(inputs[:, start : start + chunk], state)
        return outputs, state

    @torch.inference_mode()
    def _call(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T, ...]. Returns the outputs after the last step, state."""
        before = map_leaves(self._tensor, state)
        with without_onednn():
            outputs, after = self.module(self._tensor(inputs), before)
        # A leaf that the module returned unchanged stays the same array.
        same = {id(tensor): array for tensor, array in zip(leaves(before), leaves(state), strict=True)}
        return _array(outputs[:, -1]), map_leaves(
            lambda leaf: same[id(leaf)] if id(leaf) in same else _array(leaf), after
        )

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        # torch warns about read-only arrays.
        return torch.from_numpy(array if array.flags.writeable else array.copy()).to(self.device)


def wrap_module(architecture: Architecture, module: nn.Module) -> TorchDecoder:
    """Return a decoder around a module of the architecture."""
    return TorchDecoder(module, causal=architecture.causal, is_padded=parts_of(architecture.task).is_padded)


@contextlib.contextmanager
def without_onednn() -> Iterator[None]:
    """Disable oneDNN: it repacks the weights at every call of nn.LSTM, which is too slow for single steps.

    Training keeps it.
    """
    enabled = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]  # a property of the module, missing from its stubs
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = enabled


def _array(tensor: Tensor) -> NDArray[Any]:
    """Return the tensor as an array. A view is copied, so that it does not keep the larger tensor in memory."""
    if tensor.untyped_storage().nbytes() > tensor.nbytes:
        tensor = tensor.clone()
    array: NDArray[Any] = tensor.cpu().numpy()
    return array
