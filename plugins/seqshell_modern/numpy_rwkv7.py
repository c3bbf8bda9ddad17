"""The decoder of rwkv7 in numpy; its equations are in `rwkv7`."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State
from seqshell.layers import LayerNorm, Linear, Readout, read_linear, take
from seqshell.layers.weights import Floats, Weights
from seqshell_modern.config import RWKV7Config
from seqshell_modern.numpy_blocks import ONE, ModernDecoder, layer_of, sigmoid, stacked

FASTEST = np.float32(-np.exp(-0.5))  # as in `rwkv7`


class RWKV7State(NamedTuple):
    """memory: S [B, L, N, P, P], values first. shift, mlp_shift: the last inputs of cell and MLP, [B, L, D]."""

    memory: NDArray[Any]
    shift: NDArray[Any]
    mlp_shift: NDArray[Any]


class TimeMix:
    """The recurrent part. The gates are `forget`, w_t, the share of the memory that is kept, and `rate`, a_t."""

    def __init__(self, config: RWKV7Config, weights: Weights, prefix: str, layer: int) -> None:
        size, inner = config.embed_size, config.inner_size
        self.shape = config.num_heads, config.head_size
        self.mix = take(weights, prefix + "mix", 6, size)
        self.receptance, self.key, self.value = (
            read_linear(weights, prefix + name, size, inner, has_bias=False)
            for name in ("receptance.", "key.", "value.")
        )
        self.output = read_linear(weights, prefix + "output.", inner, size, has_bias=False)

        def low_rank(name: str, has_bias: bool = True) -> tuple[Linear, Linear]:
            down = read_linear(weights, f"{prefix}{name}.down.", size, config.rank, has_bias=False)
            return down, read_linear(weights, f"{prefix}{name}.up.", config.rank, inner, has_bias=has_bias)

        self.decay, self.rate, self.gate = low_rank("decay"), low_rank("rate"), low_rank("gate", False)
        self.residual = low_rank("residual") if layer else None
        self.removed, self.replaced = (
            take(weights, prefix + "removed", inner),
            take(weights, prefix + "replaced", inner),
        )
        self.bonus = take(weights, prefix + "bonus", inner)
        gain, bias = take(weights, prefix + "norm.weight", inner), take(weights, prefix + "norm.bias", inner)
        self.gain, self.bias = gain.reshape(self.shape), bias.reshape(self.shape)
        self.epsilon = np.float32(config.head_size * 1e-5)

    def initial_state(self, batch_size: int) -> RWKV7State:
        """Zeros of one layer."""
        heads, size = self.shape
        shift = np.zeros((batch_size, self.mix.shape[1]), np.float32)
        return RWKV7State(np.zeros((batch_size, heads, size, size), np.float32), shift, shift)

    def read(
        self, inputs: Floats, memory: Floats, shift: Floats, first: Floats | None
    ) -> tuple[Floats, Floats, Floats, dict[str, Floats]]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], memory, the first layer's values, gates [B, T, N P]."""
        shape = (*inputs.shape[:2], *self.shape)
        moved = _shifted(inputs, shift) - inputs
        of_r, of_w, of_k, of_v, of_a, of_g = (inputs + moved * mix for mix in self.mix)
        value, rate = self.value(of_v), sigmoid(self.rate[1](self.rate[0](of_a)))
        if self.residual is not None and first is not None:
            value = value + (first - value) * sigmoid(self.residual[1](self.residual[0](of_v)))
        key = self.key(of_k)
        taken = (key * self.removed).reshape(shape)
        taken = taken / np.maximum(np.sqrt((taken * taken).sum(-1, keepdims=True)), np.float32(1e-12))
        key = key * (ONE + (rate - ONE) * self.replaced)
        receptance = self.receptance(of_r)
        kept: Floats = np.exp(FASTEST * sigmoid(self.decay[1](np.tanh(self.decay[0](of_w)))))
        heads = [part.reshape(shape) for part in (receptance, key, value, kept, rate)]
        outputs = np.empty(shape, np.float32)
        for step in range(shape[1]):
            r, k, v, w, a = (part[:, step] for part in heads)
            c = taken[:, step]
            written = (memory @ c[..., None]) * (a * c)[..., None, :]
            memory = memory * w[..., None, :] - written + v[..., None] * k[..., None, :]
            outputs[:, step] = (memory @ r[..., None])[..., 0]
        centred = outputs - outputs.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        passed = centred / np.sqrt(variance + self.epsilon) * self.gain + self.bias
        bonus = (receptance * key * self.bonus).reshape(shape).sum(-1, keepdims=True)
        passed = (passed + bonus * value.reshape(shape)).reshape(*shape[:2], -1)
        gated = passed * self.gate[1](sigmoid(self.gate[0](of_g)))
        return self.output(gated), memory, value if first is None else first, {"forget": kept, "rate": rate}


class RWKV7Block:
    """Time mix and channel mix; each reads the normalised input, and its output is added to the input."""

    def __init__(self, config: RWKV7Config, weights: Weights, prefix: str, layer: int) -> None:
        size = config.embed_size
        self.norm, self.mlp_norm = (read_norm(weights, prefix + name, size) for name in ("norm.", "mlp_norm."))
        self.cell = TimeMix(config, weights, prefix + "cell.", layer)
        self.mix = take(weights, prefix + "mlp.mix", size)
        self.key = read_linear(weights, prefix + "mlp.key.", size, config.mlp_size, has_bias=False)
        self.value = read_linear(weights, prefix + "mlp.value.", config.mlp_size, size, has_bias=False)

    def read(
        self, inputs: Floats, state: RWKV7State, first: Floats | None
    ) -> tuple[Floats, RWKV7State, Floats, dict[str, Floats]]:
        """inputs: [B, T, D]. Returns outputs [B, T, D], state, the first layer's values, gates."""
        seen = self.norm(inputs)
        added, memory, first, gates = self.cell.read(seen, state.memory, state.shift, first)
        outputs = inputs + added
        normed = self.mlp_norm(outputs)
        mixed = normed + (_shifted(normed, state.mlp_shift) - normed) * self.mix
        outputs = outputs + self.value(np.square(np.maximum(self.key(mixed), np.float32(0))))
        return outputs, RWKV7State(memory, seen[:, -1], normed[:, -1]), first, gates


class RWKV7Decoder(ModernDecoder):
    """Steps an rwkv7. State: RWKV7State."""

    def __init__(self, config: RWKV7Config, weights: Weights) -> None:
        size = config.embed_size
        self.embedding = take(weights, "embedding.weight", config.vocab_size, size)
        self.layers = [RWKV7Block(config, weights, f"blocks.{layer}.", layer) for layer in range(config.num_layers)]
        self.first_norm, self.norm = (read_norm(weights, name, size) for name in ("first_norm.", "norm."))
        embedding = self.embedding if config.tied else None
        self.readout = Readout(weights, size, config.vocab_size, embedding=embedding)

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros [batch_size, L, ...]."""
        return stacked([block.cell.initial_state(batch_size) for block in self.layers])

    def read(self, tokens: NDArray[Any], state: State) -> tuple[Floats, State, dict[str, Floats]]:
        """tokens: [B, T]. Returns the last block's outputs [B, T, D], state, and the last step's gates [B, L, N P]."""
        hidden, first, finals, named = self.first_norm(self.embedding[tokens]), None, [], []
        for index, block in enumerate(self.layers):
            hidden, final, first, gates = block.read(hidden, layer_of(cast(RWKV7State, state), index), first)
            finals.append(final)
            named.append(gates)
        return hidden, stacked(finals), {name: np.stack([each[name][:, -1] for each in named], 1) for name in named[0]}


def read_norm(weights: Weights, prefix: str, size: int) -> LayerNorm:
    """The LayerNorm with weights[f"{prefix}weight"] and weights[f"{prefix}bias"], both [D]."""
    return LayerNorm(take(weights, prefix + "weight", size), take(weights, prefix + "bias", size))


def _shifted(inputs: Floats, before: Floats) -> Floats:
    """The input of the step before, for each step."""
    return np.concatenate((before[:, None], inputs[:, :-1]), 1)
