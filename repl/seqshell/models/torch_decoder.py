"""A decoder around any torch module, for architectures that have no numpy decoder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqshell.core.model import Architecture, own_method
from seqshell.core.state import Arrays, State, leaves, map_leaves
from seqshell.core.tokenizers import PAD
from seqshell.decoding.features import of_leaves
from seqshell.layers.padding import read_padded
from seqshell.models.module_checks import check_methods, check_pair, check_state
from seqshell.models.task_parts.parts import parts_of

CHUNK = 1024  # time steps per call, so that the outputs of a long text are not all in memory


class DeviceLeaf:
    """A leaf of a state [B, ...] as a tensor, which stays on its device."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = _own_memory(tensor)

    @property
    def nbytes(self) -> int:
        return self.tensor.nbytes

    def rows(self, which: Any) -> DeviceLeaf:
        """Rows by slice or integers, in memory of their own."""
        chosen = which if isinstance(which, slice) else torch.as_tensor(np.asarray(which), device=self.tensor.device)
        return DeviceLeaf(self.tensor[chosen])

    def to_numpy(self) -> NDArray[Any]:
        """A copy as an array."""
        array: NDArray[Any] = self.tensor.cpu().numpy()
        return array

    def from_numpy(self, array: NDArray[Any]) -> DeviceLeaf:
        """The numbers of an array on the device of this leaf."""
        return DeviceLeaf(torch.from_numpy(np.array(array)).to(self.tensor.device))


class TorchDecoder:
    """Runs a SequenceModel as a Decoder. The module is put into eval mode and stays on its device.

    So do the states, as a DeviceLeaf for each tensor, unless it is a CPU.

    causal: False for models that must read a text at once; feed then makes a single call. is_per_token: such a model
    gives an output for every token.
    is_padded: whether the rows of a feed may be padded right, as for CLASSIFY; a causal module does not see the
    padding. has_threads: torch uses several cores by itself.
    """

    backend = "torch"

    has_threads = True

    def __init__(
        self, module: nn.Module, *, causal: bool = True, is_padded: bool = False, is_per_token: bool = False
    ) -> None:
        self.module = module.eval()
        self.causal = causal
        self.is_padded = is_padded
        self.is_per_token = is_per_token
        first = next(module.parameters(), None)
        self.device = torch.device("cpu") if first is None else first.device
        self.leaf: Callable[[Tensor], Any] = _array if self.device.type == "cpu" else DeviceLeaf

    @torch.inference_mode()
    def initial_state(self, batch_size: int = 1) -> State:
        """Leaves [batch_size, ...]. WrongReturn if the module returns something else."""
        module: Any = self.module  # a SequenceModel
        return map_leaves(self.leaf, check_state(module.initial_state(batch_size), module.initial_state))

    @torch.inference_mode()
    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S] int64, padded right; lengths: [B].

        Returns the state before BOS is read, of a module that is a Seq2Seq.
        """
        with without_onednn():
            module: Any = self.module  # a Seq2Seq
            check_methods(module, ["encode"], "translate")
            state = check_state(module.encode(self._tensor(source), self._tensor(lengths)), module.encode)
        known: dict[int, Any] = {}  # a tensor that occurs twice becomes one leaf
        return map_leaves(
            lambda leaf: known[id(leaf)] if id(leaf) in known else known.setdefault(id(leaf), self.leaf(leaf)), state
        )

    @torch.inference_mode()
    def features(self, state: State) -> NDArray[Any]:
        """[B, D]: those of the module, or else all floats of the state."""
        method = own_method(self.module, "features", "state")
        return of_leaves(state) if method is None else _array(method(map_leaves(self._tensor, state)))

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64, or [B, F] float32. Returns outputs [B, V], state."""
        return self._call(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T], or [B, T, F]; T >= 1. Returns the outputs [B, V] after the last, state."""
        if self.is_per_token and not self.causal:
            last = np.maximum((inputs != PAD).sum(1), 1) - 1
            return self.token_outputs(inputs)[np.arange(len(inputs)), last], state
        return read_padded(self._feed, inputs, state) if self.is_padded and self.causal else self._feed(inputs, state)

    @torch.inference_mode()
    def token_outputs(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """inputs: [B, T] whole texts, padded right. The outputs of every token, [B, T, C]."""
        with without_onednn():
            module: Any = self.module  # a SequenceModel
            outputs, _ = module(self._tensor(inputs), module.initial_state(len(inputs)))
        return _array(outputs)

    @torch.inference_mode()
    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The outputs [B, V] that belong to a state, of a module with a method of this name; else None."""
        method = own_method(self.module, "state_outputs", "state")
        outputs = None if method is None else method(map_leaves(self._tensor, state))
        return None if outputs is None else _array(outputs)

    @torch.inference_mode()
    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays] | None:
        """inputs: [B, T]. The outputs, the state and the arrays of a module with a method of this name; else None."""
        method = own_method(self.module, "trace", "inputs", "state")
        if method is None:
            return None
        before = map_leaves(self._tensor, state)
        outputs, after, arrays = method(self._tensor(inputs), before)
        return _array(outputs), map_leaves(self.leaf, after), {name: _array(each) for name, each in arrays.items()}

    def _feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        length = inputs.shape[1]
        chunk = CHUNK if self.causal else length
        for start in range(0, length, chunk):
            outputs, state = self._call(inputs[:, start : start + chunk], state)
        return outputs, state

    @torch.inference_mode()
    def _call(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T, ...]. Returns the outputs after the last step, state. WrongReturn if the module does not."""
        before = map_leaves(self._tensor, state)
        with without_onednn():
            found = self.module(self._tensor(inputs), before)
        # A leaf that the module returned unchanged stays the same.
        same = {id(tensor): leaf for tensor, leaf in zip(leaves(before), leaves(state), strict=True)}
        try:
            outputs, after = found
            return _array(outputs[:, -1]), map_leaves(
                lambda leaf, _: same[id(leaf)] if id(leaf) in same else self.leaf(leaf), after, before
            )
        except (AttributeError, TypeError, ValueError, IndexError):
            check_pair(found, self.module.forward, before)
            raise

    def _tensor(self, array: Any) -> Tensor:
        if isinstance(array, DeviceLeaf):
            return array.tensor
        # torch warns about read-only arrays.
        return torch.from_numpy(array if array.flags.writeable else array.copy()).to(self.device)


def wrap_module(architecture: Architecture, module: nn.Module) -> TorchDecoder:
    """Return a decoder around a module of the architecture."""
    parts = parts_of(architecture.task)
    return TorchDecoder(module, causal=architecture.causal, is_padded=parts.is_padded, is_per_token=parts.is_per_token)


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
    """Return the tensor as an array in memory of its own."""
    array: NDArray[Any] = _own_memory(tensor).cpu().numpy()
    return array


def _own_memory(tensor: Tensor) -> Tensor:
    """The tensor, or a copy of a view, which would keep the larger tensor in memory."""
    return tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor
