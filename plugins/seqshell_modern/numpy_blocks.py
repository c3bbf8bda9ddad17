"""What the decoders of the modern language models have in common, in numpy; the torch modules are in `blocks`.

B: batch, T: time, D: embed_size, L: num_layers, V: vocab_size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import Arrays, State, by_address
from seqshell.layers import Readout, read_linear, take
from seqshell.layers.weights import Floats, Weights
from seqshell_modern.config import BlockConfig

S = TypeVar("S", bound=tuple[Any, ...])
EPSILON = np.float32(1e-5)  # of the norms
CHUNK = 256  # steps of a text that are read at once
HALF, ONE = np.float32(0.5), np.float32(1)


def sigmoid(value: Floats) -> Floats:
    """The logistic function, as exact near 0 as elsewhere: a norm may enlarge what a closed gate lets through."""
    small: Floats = np.exp(-np.abs(value))
    found: Floats = np.where(value < 0, small, ONE) / (ONE + small)
    return found


def silu(value: Floats) -> Floats:
    """x sigmoid(x)."""
    return value * sigmoid(value)


def softplus(value: Floats) -> Floats:
    """log(1 + exp(x))."""
    found: Floats = np.logaddexp(np.float32(0), value)
    return found


def gelu(value: Floats) -> Floats:
    """x Phi(x), by the tanh approximation."""
    inner = (value * value * value * np.float32(0.044715) + value) * np.float32((2 / np.pi) ** 0.5)
    found: Floats = value * HALF * (np.tanh(inner) + ONE)
    return found


class RMSNorm:
    """x / sqrt(mean(x^2) + 1e-5) * weight."""

    def __init__(self, weight: Floats) -> None:
        """weight: [D]."""
        self.weight = weight

    def __call__(self, inputs: Floats) -> Floats:
        """[..., D] to [..., D]."""
        variance = np.square(inputs).mean(-1, keepdims=True)
        found: Floats = inputs / np.sqrt(variance + EPSILON) * self.weight
        return found


class HeadNorm:
    """RMSNorm of each of N heads of size P."""

    def __init__(self, weights: Weights, prefix: str, num_heads: int, head_size: int) -> None:
        self.norm = RMSNorm(take(weights, prefix + "weight", num_heads * head_size).reshape(num_heads, head_size))

    def __call__(self, heads: Floats) -> Floats:
        """[..., N, P] to [..., N P]."""
        return self.norm(heads).reshape(*heads.shape[:-2], -1)


class CausalConv:
    """A convolution over the last K steps, for each channel alone. State: the last K - 1 inputs [B, K - 1, C]."""

    def __init__(self, weights: Weights, prefix: str, channels: int, size: int) -> None:
        self.weight = np.ascontiguousarray(take(weights, prefix + "weight", channels, 1, size)[:, 0].T)  # [K, C]
        self.bias = take(weights, prefix + "bias", channels)

    def initial_state(self, batch_size: int) -> Floats:
        """[batch_size, K - 1, C] zeros."""
        size, channels = self.weight.shape
        return np.zeros((batch_size, size - 1, channels), np.float32)

    def __call__(self, inputs: Floats, state: Floats) -> tuple[Floats, Floats]:
        """inputs: [B, T, C]. Returns outputs [B, T, C], state."""
        steps = inputs.shape[1]
        seen = np.concatenate((state, inputs), 1)
        outputs = np.broadcast_to(self.bias, inputs.shape).copy()
        for place, weight in enumerate(self.weight):
            outputs += seen[:, place : place + steps] * weight
        return outputs, seen[:, steps:]


class GatedMLP:
    """down(gelu(gate(x)) * up(x))."""

    def __init__(self, weights: Weights, prefix: str, size: int, hidden_size: int) -> None:
        self.gate = read_linear(weights, prefix + "gate.", size, hidden_size, has_bias=False)
        self.up = read_linear(weights, prefix + "up.", size, hidden_size, has_bias=False)
        self.down = read_linear(weights, prefix + "down.", hidden_size, size, has_bias=False)

    def __call__(self, inputs: Floats) -> Floats:
        """[..., D] to [..., D]."""
        return self.down(gelu(self.gate(inputs)) * self.up(inputs))


class Cell(Protocol):
    """A recurrent layer that reads [B, T, D] and returns what it adds, [B, T, D]."""

    def initial_state(self, batch_size: int) -> Any:
        """The state of one layer."""

    def read(self, inputs: Floats, state: Any) -> tuple[Floats, Any, dict[str, Floats]]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state, and by name the gates [B, T, ...]."""


class Block:
    """A cell and an MLP; each reads the normalised input, and its output is added to the input."""

    def __init__(self, config: BlockConfig, weights: Weights, prefix: str, cell: Cell) -> None:
        size = config.embed_size
        self.norm, self.cell = RMSNorm(take(weights, prefix + "norm.weight", size)), cell
        self.mlp: GatedMLP | None = None
        if config.mlp_size:
            self.mlp_norm = RMSNorm(take(weights, prefix + "mlp_norm.weight", size))
            self.mlp = GatedMLP(weights, prefix + "mlp.", size, config.mlp_size)

    def read(self, inputs: Floats, state: S) -> tuple[Floats, S, dict[str, Floats]]:
        """inputs: [B, T, D]; state: of one layer. Returns outputs [B, T, D], state, gates."""
        added, state, gates = self.cell.read(self.norm(inputs), state)
        outputs = inputs + added
        if self.mlp is not None:
            outputs += self.mlp(self.mlp_norm(outputs))
        return outputs, state, gates


class ModernDecoder:
    """Base class of the decoders. State: that of the cell, whose leaves get an axis for the layers after the batch."""

    norm: Callable[[Floats], Floats]

    def __init__(self, config: BlockConfig, weights: Weights, cell: Callable[[Any, Weights, str], Cell]) -> None:
        """cell: makes the cell of a layer from the config, the weights and their prefix."""
        self.embedding = take(weights, "embedding.weight", config.vocab_size, config.embed_size)
        prefixes = [f"blocks.{layer}." for layer in range(config.num_layers)]
        self.blocks = [Block(config, weights, prefix, cell(config, weights, prefix + "cell.")) for prefix in prefixes]
        self.norm = RMSNorm(take(weights, "norm.weight", config.embed_size))
        embedding = self.embedding if config.tied else None
        self.readout = Readout(weights, config.embed_size, config.vocab_size, embedding=embedding)

    def initial_state(self, batch_size: int = 1) -> State:
        """The state of the cell before the first token, with leaves [batch_size, L, ...]."""
        return stacked([block.cell.initial_state(batch_size) for block in self.blocks])

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64. Returns logits [B, V], state."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64. Returns the logits [B, V] after the last token, state."""
        for start in range(0, inputs.shape[1], CHUNK):
            hidden, state, _ = self.read(inputs[:, start : start + CHUNK], state)
        return self.readout(self.norm(hidden[:, -1])), state

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64. Returns logits [B, T, V], state, and [B, T, L, ...] of each leaf and gate."""
        hiddens, steps = [], []
        for column in inputs.T:
            hidden, state, gates = self.read(column[:, None], state)
            hiddens.append(hidden[:, 0])
            steps.append({**by_address(state), **gates})
        arrays = {name: np.stack([step[name] for step in steps], 1) for name in steps[0]}
        return self.readout(self.norm(np.stack(hiddens, 1))), state, arrays

    def read(self, tokens: NDArray[Any], state: State) -> tuple[Floats, State, dict[str, Floats]]:
        """tokens: [B, T]. Returns the last block's outputs [B, T, D], state, and the last step's gates [B, L, ...]."""
        hidden: Floats = self.embedding[tokens]
        finals, named = [], []
        for index, block in enumerate(self.blocks):
            hidden, final, gates = block.read(hidden, layer_of(cast(Any, state), index))
            finals.append(final)
            named.append(gates)
        return hidden, stacked(finals), {name: np.stack([each[name][:, -1] for each in named], 1) for name in named[0]}


def stacked(states: Sequence[S]) -> S:
    """The states of the layers, with leaves [B, ...], as one with leaves [B, L, ...]."""
    kind = cast(Any, type(states[0]))
    return cast(S, kind(*(np.stack(leaves, 1) for leaves in zip(*states, strict=True))))


def layer_of(state: S, index: int) -> S:
    """The state of one layer."""
    return cast(S, cast(Any, type(state))(*(leaf[:, index] for leaf in cast(Iterable[Floats], state))))
