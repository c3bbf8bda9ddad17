"""What all exported modern language models share: embedding, blocks and read-out, as PyTorch and as an ONNX graph.

The PyTorch code computes step by step what training computes in parallel. The graph computes one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import NEXT_TOKENS, Graph, PlainModel, Value, language_model_code
from seqshell_modern.config import BlockConfig

Weights = Mapping[str, NDArray[Any]]
EPSILON = 1e-5  # of the norms


@dataclass(frozen=True)
class Part:
    """A part of a layer's state, [B, *sizes], which is the same number everywhere at first."""

    name: str
    sizes: tuple[int, ...]
    start: float = 0.0


class Members:
    """The weights below a prefix, for a graph."""

    def __init__(self, weights: Weights, prefix: str) -> None:
        self._weights, self._prefix = weights, prefix

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._weights[self._prefix + name]

    def below(self, name: str) -> Members:
        """Those of a member."""
        return Members(self._weights, f"{self._prefix}{name}.")

    def linear(self, inputs: Value, name: str) -> Value:
        """W x + b, or W x."""
        return inputs.linear(self[f"{name}.weight"], self._weights.get(f"{self._prefix}{name}.bias"))

    def rms_norm(self, inputs: Value, name: str) -> Value:
        """[B, D] to [B, D]."""
        return normed(inputs) * self[f"{name}.weight"]

    def layer_norm(self, inputs: Value, name: str) -> Value:
        """[B, D] to [B, D]."""
        weight, bias = self[f"{name}.weight"], self[f"{name}.bias"]
        return inputs.apply("LayerNormalization", weight, bias, axis=-1, epsilon=EPSILON)

    def conv(self, inputs: Value, before: Value) -> tuple[Value, Value]:
        """One step [B, C] of `conv`, and the inputs before it [B, K - 1, C]. Returns [B, C] and the last inputs."""
        seen = before.apply("Concat", inputs.unsqueeze(1), axis=1)
        outputs = (seen * self["conv.weight"][:, 0].T).sum(1) + self["conv.bias"]
        return outputs, seen.slice(1, self["conv.weight"].shape[2], axis=1)


Step = Callable[[Members, Value, Sequence[Value], Value | None], tuple[Value, Sequence[Value], Value | None]]


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """A language model of blocks.

    about: the sentence in its docstring. parts: of the state. classes: code with a class Block. blocks: the code that
    makes them. norm: the class of the last norm.
    step: of a block, from its weights, inputs [B, D], the state and None; it returns outputs, state and what the next
    block gets instead of None. passes: whether that is something, which the code has, too.
    """

    config: BlockConfig
    weights: Weights
    about: str
    parts: Sequence[Part]
    classes: str
    step: Step
    blocks: str = "Block() for _"
    norm: str = "RMSNorm"
    passes: bool = False

    def model(self) -> PlainModel:
        """The model without seqshell."""
        tied = {"readout.weight": self.weights["embedding.weight"]} if self.config.tied else {}
        return PlainModel(self._code(), {**self.weights, **tied}, NEXT_TOKENS, {"": self._graph})

    def _code(self) -> str:
        config, size = self.config, self.config.embed_size
        layers, norm = config.num_layers, f"nn.{self.norm}({size})"
        if self.norm == "RMSNorm":
            norm = f"nn.RMSNorm({size}, eps=1e-5)"
        init = [
            f"self.embedding = nn.Embedding({config.vocab_size}, {size})",
            f"self.blocks = nn.ModuleList({self.blocks} in range({layers}))",
            f"self.norm = {norm}",
            f"self.readout = nn.Linear({size}, {config.vocab_size})",
        ]
        if config.tied:
            init.append("self.readout.weight = self.embedding.weight")
        begin, more = ["outputs, finals = self.embedding(tokens), []"], ""
        if self.passes:
            init.insert(1, f"self.first_norm = {norm}")
            begin, more = ["outputs, first, finals = self.first_norm(self.embedding(tokens)), None, []"], ", first"
        forward = [
            *begin,
            "for index, block in enumerate(self.blocks):",
            f"    outputs, final{more} = block(outputs, [part[:, index] for part in state]{more})",
            "    finals.append(final)",
            "return self.readout(self.norm(outputs)), tuple(torch.stack(parts, 1) for parts in zip(*finals))",
        ]
        zeros = [
            f'torch.full(({sizes}), float("{part.start}"))' if part.start else f"torch.zeros({sizes})"
            for part in self.parts
            for sizes in [", ".join(map(str, ("batch_size", layers, *part.sizes)))]
        ]
        starts = [f"{part.name} = {zero}" for part, zero in zip(self.parts, zeros, strict=True)]
        names = ", ".join(part.name for part in self.parts)
        return language_model_code(
            self._about(),
            f"{names}, [B, {layers}, ...] each",
            init=init,
            initial_state=[*starts, f"return {names}"],
            forward=forward,
            vocab_size=config.vocab_size,
            classes=f"{self.classes}\n\n\n",
        )

    def _about(self) -> str:
        return f"A language model: {self.config.num_layers} blocks of {self.about}"

    def _graph(self) -> Graph:
        """One step: tokens [B, 1] and the state to logits [B, 1, V] and the state."""
        config, members = self.config, Members(self.weights, "")
        graph = Graph("language_model", self._about())
        tokens = graph.input("tokens", "int64", "batch", 1)
        sizes: dict[str, tuple[int | str, ...]] = {
            part.name: ("batch", config.num_layers, *part.sizes) for part in self.parts
        }
        state = [Value(graph, graph.input(name, "float32", *sizes[name])) for name in sizes]
        table = graph.constant(self.weights["embedding.weight"])
        outputs, passed = Value(graph, graph.add("Gather", table, tokens)).squeeze(1), None  # [B, D]
        if self.passes:
            outputs = members.layer_norm(outputs, "first_norm")
        finals = []
        for index in range(config.num_layers):
            own = [part.slice(index, index + 1, axis=1).squeeze(1) for part in state]
            outputs, final, passed = self.step(members.below(f"blocks.{index}"), outputs, own, passed)
            finals.append([part.unsqueeze(1) for part in final])
        outputs = (members.layer_norm if self.norm == "LayerNorm" else members.rms_norm)(outputs, "norm")
        readout = self.weights["embedding.weight" if config.tied else "readout.weight"]
        logits = outputs.linear(readout, self.weights["readout.bias"])
        graph.output(logits.unsqueeze(1).name, "logits", "float32", "batch", 1, config.vocab_size)
        for name, (first, *others) in zip(sizes, zip(*finals, strict=True), strict=True):
            graph.output(first.apply("Concat", *others, axis=1).name, f"new_{name}", "float32", *sizes[name])
        return graph


def normed(inputs: Value) -> Value:
    """x / sqrt(mean(x^2) + 1e-5), over the last axis."""
    return inputs / ((inputs * inputs).mean(-1, keepdims=True) + EPSILON).apply("Sqrt")
