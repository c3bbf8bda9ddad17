"""neural_ngram and window_lstm as plain PyTorch and as ONNX graphs of one step. Their state is the last tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import NEXT_TOKENS, Graph, PlainModel, RecurrentLayers, Value, language_model_code, read_layer
from seqshell_ngram.config import NeuralNGramConfig, WindowLSTMConfig
from seqshell_ngram.decoders import NeuralNGramDecoder, WindowLSTMDecoder

Weights = Mapping[str, NDArray[Any]]
INT64 = 7  # the data type of ONNX
STARTS = """\
starts = (windows == {start}).long()
later = starts.flip(1).cumsum(1).flip(1) - starts  # the number of starts of a text after each token
windows = windows.masked_fill(later > 0, -1)
"""
LSTM = """\
seen = [self.embedding(windows + 1)]
for layer in self.recurrent:
    seen.append(layer(seen[-1])[0])
values = torch.cat(seen, -1)  # x: the embedding and the outputs of all layers, [B * T, {size}, {seen_size}]
shares = self.attention(values).softmax(1)  # of each token, by w x (Felbo et al. 2017)
logits = self.readout((shares * values).sum(1)).unflatten(0, tokens.shape)
"""


@dataclass(frozen=True, eq=False)
class _Parts:
    """A language model of the last tokens. size: the number of tokens.

    forward: the lines that compute `logits` from `windows`. add: adds the logits [B, V] of a window [B, W] to a graph.
    """

    about: str
    weights: Weights
    vocab_size: int
    size: int
    init: list[str]
    forward: list[str]
    add: Callable[[Graph, str], Value]

    def model(self) -> PlainModel:
        """The model without seqshell."""
        size = self.size
        code = language_model_code(
            f"A language model: {self.about}",
            f"the last tokens, [B, {size}] int64, with -1 before the beginning of the text",
            init=self.init,
            initial_state=[f"return torch.full((batch_size, {size}), -1)"],
            forward=[
                "history = torch.cat((state, tokens), 1)",
                f"windows = history.unfold(1, {size}, 1)[:, 1:]  # [B, T, {size}], the last tokens at each step",
                *self.forward,
                f"return logits, history[:, -{size}:]",
            ],
            vocab_size=self.vocab_size,
        )
        return PlainModel(code, self.weights, NEXT_TOKENS, {"": self._graph})

    def _graph(self) -> Graph:
        """One step: tokens [B, 1] and the window [B, W] to logits [B, 1, V] and the window."""
        graph = Graph("language_model", f"A language model: {self.about}")
        tokens, window = graph.input("tokens", "int64", "batch", 1), graph.input("window", "int64", "batch", self.size)
        history = graph.add("Concat", window, tokens, axis=1)
        window = graph.add("Slice", history, *(graph.integers(each) for each in (1, self.size + 1, 1)))
        logits = self.add(graph, window).unsqueeze(1)
        graph.output(logits.name, "logits", "float32", "batch", 1, self.vocab_size)
        graph.output(window, "new_window", "int64", "batch", self.size)
        return graph


def export_neural_ngram(config: NeuralNGramConfig, weights: Weights) -> PlainModel:
    """neural_ngram."""
    NeuralNGramDecoder(config, weights)  # raises CheckpointError if a weight is missing or has another shape
    size, vocab_size = config.order - 1, config.vocab_size
    inputs = size * config.embed_size
    init = [
        f"self.embedding = nn.Embedding({vocab_size + 1}, {config.embed_size})  # its first row is for -1",
        f"self.hidden = nn.Linear({inputs}, {config.hidden_size})",
        f"self.readout = nn.Linear({config.hidden_size}, {vocab_size})",
    ]
    forward = [
        f"vectors = self.embedding(windows + 1).flatten(2)  # x, [B, T, {inputs}]",
        "logits = self.readout(torch.tanh(self.hidden(vectors)))  # b + U tanh(d + H x)",
    ]
    if config.direct:
        init.append(f"self.direct = nn.Linear({inputs}, {vocab_size}, bias=False)")
        forward.append("logits = logits + self.direct(vectors)  # + W x")

    def add(graph: Graph, window: str) -> Value:
        vectors = _embedded(graph, weights, window).reshape(-1, inputs)
        hidden = vectors.linear(weights["hidden.weight"], weights["hidden.bias"]).tanh()
        logits = hidden.linear(weights["readout.weight"], weights["readout.bias"])
        return logits + vectors.linear(weights["direct.weight"]) if config.direct else logits

    about = (
        f"a feed-forward network over the last {size} tokens (Bengio et al. 2003, "
        "https://www.jmlr.org/papers/v3/bengio03a.html, equation 1)."
    )
    return _Parts(about, weights, vocab_size, size, init, forward, add).model()


def export_window_lstm(config: WindowLSTMConfig, weights: Weights) -> PlainModel:
    """window_lstm."""
    WindowLSTMDecoder(config, weights)  # raises CheckpointError if a weight is missing or has another shape
    size, start = config.context_length, config.start_token
    outputs = config.hidden_size * (2 if config.bidirectional else 1)
    inputs = [config.embed_size] + [outputs] * (config.num_layers - 1)
    options = f"{config.hidden_size}, batch_first=True{', bidirectional=True' * config.bidirectional}"
    init = [
        f"self.embedding = nn.Embedding({config.vocab_size + 1}, {config.embed_size})  # its first row is for -1",
        f"self.recurrent = nn.ModuleList(nn.LSTM(size, {options}) for size in {inputs})",
        f"self.attention = nn.Linear({config.seen_size}, 1, bias=False)",
        f"self.readout = nn.Linear({config.seen_size}, {config.vocab_size})",
    ]
    forward = [
        f"windows = windows.flatten(0, 1)  # [B * T, {size}]",
        *(STARTS.format(start=start).splitlines() if start >= 0 else ()),
    ]
    forward += LSTM.format(size=size, seen_size=config.seen_size).splitlines()

    def layer(index: int, suffix: str) -> Mapping[str, NDArray[Any]]:
        return read_layer("lstm", weights, f"recurrent.{index}.", suffix, inputs[index], config.hidden_size)

    def add(graph: Graph, window: str) -> Value:
        if start >= 0:
            window = _since_start(graph, window, start)
        seen = [_embedded(graph, weights, window)]
        for index in range(config.num_layers):
            backward = [layer(index, "_l0_reverse")] if config.bidirectional else []
            own = RecurrentLayers("lstm", [layer(index, "_l0")], backward)
            seen.append(Value(graph, own.add_to(graph, seen[-1].name)[0]))
        values = seen[0].apply("Concat", *seen[1:], axis=-1)  # [B, W, M]
        shares = values.linear(weights["attention.weight"]).apply("Softmax", axis=1)
        return (shares * values).sum(1).linear(weights["readout.weight"], weights["readout.bias"])

    about = (
        f"{config.num_layers} layers of LSTM that read the last {size} tokens again for each next one "
        "(textgenrnn, Woolf 2017)."
    )
    return _Parts(about, weights, config.vocab_size, size, init, forward, add).model()


def _embedded(graph: Graph, weights: Weights, window: str) -> Value:
    """The embeddings [B, W, E] of tokens [B, W]. The first row of the table is for -1."""
    rows = graph.add("Add", window, graph.integers(1))
    return Value(graph, graph.add("Gather", graph.constant(weights["embedding.weight"]), rows))


def _since_start(graph: Graph, window: str, start: int) -> str:
    """Tokens [B, W] with -1 in place of those before the last start of a text."""
    starts = graph.add("Cast", graph.add("Equal", window, graph.integers(start)), to=INT64)
    later = graph.add("CumSum", starts, graph.constant(1, "int64"), exclusive=1, reverse=1)
    return graph.add("Where", graph.add("Greater", later, graph.integers(0)), graph.integers(-1), window)
