"""Compare the decoders of an architecture with its torch module, both measured against the module in float64.

Imports torch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.errors import SeqshellError, reason_of
from seqshell.core.model import Architecture
from seqshell.core.state import State
from seqshell.core.tokenizers import PAD
from seqshell.models.building import fitting
from seqshell.models.decoders import decoders_of
from seqshell.models.task_parts.parts import Inputs, parts_of
from seqshell.models.torch_decoder import without_onednn, wrap_module

# A decoder may be MULTIPLE times as far from the exact outputs as the module is in float32, or is with weights that
# differ in their last bit: a chaotic model amplifies each rounding, more or less by chance. In any case it may be as
# far as RELATIVE of the largest output. Largest outputs below SMALL count as SMALL.
MULTIPLE = 10.0
RELATIVE = 1e-5
SMALL = 10.0
LAST_BIT = 2.0**-23  # of a float32, relative to its value
CHUNKS = (1, 2, 5, 24, 96)  # inputs read at once, the last number until the end
MAX_OUTPUTS = 2**22  # of a chunk, so that those of a large vocabulary fit into memory
LARGE = 20_000_000  # weights from which on one row is read
MAX_DOUBLE = 2**28  # weights up to which they are copied to float64


@dataclass(frozen=True)
class Difference:
    """The largest error of a decoder (decoder) and of its module in float32 (module), and the largest output (scale).

    Errors are those from the module in float64.
    """

    decoder: float = 0.0
    module: float = 0.0
    scale: float = 0.0

    def widened(self, outputs: NDArray[Any], rounded: Iterable[NDArray[Any]], exact: NDArray[Any]) -> Difference:
        """Return the difference with that of further outputs; NaN stays. rounded: of the module in float32."""
        return Difference(
            float(np.maximum(self.decoder, _distance(outputs, exact))),
            max((self.module, *(_distance(each, exact) for each in rounded))),
            max(self.scale, float(np.abs(exact[np.isfinite(exact)]).max(initial=0))),
        )

    @property
    def allowed(self) -> float:
        """The largest error of a decoder that rounding explains."""
        return max(RELATIVE * max(SMALL, self.scale), MULTIPLE * self.module)

    @property
    def is_rounding(self) -> bool:
        """Whether rounding explains the error of the decoder; it does not explain NaN."""
        return self.decoder <= self.allowed


@dataclass(frozen=True)
class Modules:
    """A module in float64 (exact), and in float32 as it is and with weights that differ in their last bit (rounded)."""

    exact: Any
    rounded: tuple[Any, ...]

    @classmethod
    def of(cls, module: Any, inputs: Inputs, num_weights: int) -> Modules:
        """Copy a module. A large one, or one that can only compute in float32, is taken for exact."""
        single = copy.deepcopy(module).float().cpu().eval()
        exact = single
        if num_weights <= MAX_DOUBLE:
            exact = copy.deepcopy(single).double()
            try:
                _Reader(exact, inputs.rows(1)).read(inputs.rows(1).steps[:, :1])
            except (RuntimeError, TypeError, ValueError):  # it makes tensors of float32 itself
                exact = single
        return cls(exact, (single, nudged(single)))


def nudged(module: Any) -> Any:
    """A copy of a module whose weights differ in their last bit."""
    copied = copy.deepcopy(module)
    signs = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in copied.parameters():
            weight.mul_(1 + LAST_BIT * (2 * torch.randint(2, weight.shape, generator=signs) - 1))
    return copied


def disagreement(
    architecture: Architecture, config: Any, module: Any, weights: Mapping[str, NDArray[Any]], inputs: Inputs
) -> str:
    """Say why the architecture's decoders cannot stand in for the module; "" if they give its outputs.

    weights: those of the module, in float32. Raises whatever the module raises when it reads the inputs.
    """
    if not architecture.decoders:
        return ""
    num_weights = sum(values.size for values in weights.values())
    inputs = inputs.rows(1) if num_weights > LARGE else inputs
    modules = Modules.of(module, inputs, num_weights)
    try:
        for name, make in decoders_of(architecture):
            which = f"the decoder {name}" if len(architecture.decoders) > 1 else "the decoder"
            try:
                with fitting(architecture):
                    decoder = make(config, weights)
                found = _difference(decoder, modules, architecture, inputs)
            except (SeqshellError, _DecoderError) as error:
                return f"{which} of {architecture.name} fails: {error}"
            if not found.is_rounding:
                return (
                    f"an output of {which} of {architecture.name} differs from its module's by {found.decoder:.2g}, "
                    f"and rounding explains {found.allowed:.2g}"
                )
    except SeqshellError as error:
        return f"the decoder of {architecture.name} cannot be used: {error.message}"
    return ""


def _difference(decoder: Decoder, modules: Modules, architecture: Architecture, inputs: Inputs) -> Difference:
    """Read the inputs with decoder and modules, until rounding does not explain a difference."""
    found = Difference()
    if architecture.causal:
        with _decoder_errors():
            start = parts_of(architecture.task).start(decoder, inputs)
        found = _while_stepping(decoder, start, modules, inputs)
    if inputs.padded is None or not found.is_rounding:
        return found
    is_per_token = parts_of(architecture.task).is_per_token and not architecture.causal
    with _decoder_errors():
        outputs = _of_padded(decoder, inputs.padded, is_per_token)
    exact, *rounded = (
        _of_padded(wrap_module(architecture, each), inputs.padded, is_per_token)
        for each in (modules.exact, *modules.rounded)
    )
    return Difference().widened(outputs, rounded, exact)


def _of_padded(decoder: Any, padded: NDArray[Any], is_per_token: bool) -> NDArray[Any]:
    """The outputs after the last token of each row [B, T], or of all tokens."""
    if is_per_token:
        outputs: NDArray[Any] = decoder.token_outputs(padded)[padded != PAD]
    else:
        outputs, _ = decoder.feed(padded, decoder.initial_state(len(padded)))
    return outputs


def _while_stepping(decoder: Decoder, start: State, modules: Modules, inputs: Inputs) -> Difference:
    """Compare the outputs of `step` after each input and of `feed` after each chunk of them.

    Each continues in turn from the state that the other has reached.
    """
    found, stepped, fed = Difference(), start, start
    exact, rounded = _Reader(modules.exact, inputs), [_Reader(each, inputs) for each in modules.rounded]
    for chunk in exact.chunks():
        expected, own = exact.read(chunk), [reader.read(chunk) for reader in rounded]
        for number, column in enumerate(chunk.swapaxes(0, 1)):
            with _decoder_errors():
                outputs, stepped = decoder.step(column, stepped)
            found = found.widened(outputs, (each[:, number] for each in own), expected[:, number])
            if not found.is_rounding:
                return found
        with _decoder_errors():
            outputs, fed = decoder.feed(chunk, fed)
        found = found.widened(outputs, (), expected[:, -1])
        if not found.is_rounding:
            return found
        stepped, fed = fed, stepped
    return found


class _Reader:
    """Reads inputs with a module, in the module's own precision, and keeps its state."""

    def __init__(self, module: Any, inputs: Inputs) -> None:
        self.module = module
        self.inputs = inputs
        self.num_outputs = 0  # of one row and step; 0: not known yet
        weights = (*module.parameters(), *module.buffers())
        self.dtype = next((each.dtype for each in weights if each.is_floating_point()), torch.float32)
        with torch.inference_mode(), without_onednn():
            if inputs.sources is None:
                self.state = module.initial_state(len(inputs.steps))
            else:
                self.state = module.encode(torch.from_numpy(inputs.sources), torch.from_numpy(inputs.lengths))

    def read(self, chunk: NDArray[Any]) -> NDArray[Any]:
        """chunk: [B, T] or [B, T, F]. Returns the outputs after each step, [B, T, ...]."""
        read = torch.from_numpy(chunk)
        with torch.inference_mode(), without_onednn():
            outputs, self.state = self.module(read.to(self.dtype) if read.is_floating_point() else read, self.state)
        self.num_outputs = outputs[0, 0].numel()
        array: NDArray[Any] = outputs.numpy()
        return array

    def chunks(self) -> Iterator[NDArray[Any]]:
        """Yield the inputs in chunks, as many steps at once as MAX_OUTPUTS allows."""
        steps, begin, sizes = self.inputs.steps, 0, iter(CHUNKS)
        while begin < steps.shape[1]:
            largest = max(1, MAX_OUTPUTS // (len(steps) * max(1, self.num_outputs)))
            size = min(next(sizes, CHUNKS[-1]), largest)
            yield np.ascontiguousarray(steps[:, begin : begin + size])
            begin += size


def _distance(outputs: NDArray[Any], exact: NDArray[Any]) -> float:
    """Return the largest absolute difference; equal infinities do not differ. Raises _DecoderError for other shapes."""
    if outputs.shape != exact.shape:
        raise _DecoderError(f"its outputs are {list(outputs.shape)} instead of {list(exact.shape)}")
    with np.errstate(invalid="ignore"):
        return float(np.where(outputs == exact, 0.0, np.abs(outputs.astype(np.float64) - exact)).max(initial=0))


class _DecoderError(Exception):
    """What a decoder raised; what its module raises is not one."""


@contextmanager
def _decoder_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise _DecoderError(reason_of(error)) from error
