"""A reference implementation of the encoder-decoders' equations, for one sentence at a time, in float64."""

import numpy as np

from seqshell import BOS, EOS, PAD
from seqshell_seq2seq.config import AttentionConfig


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell_step(weights, prefix, cell, x, h, c, suffix=""):
    """One step of one layer."""
    if cell == "gru_reset_before":
        w, u, b, a = (
            weights[f"{prefix}{part}_l0{suffix}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        (wr, wz, wn), (ur, uz, un), (br, bz, bn) = np.split(w, 3), np.split(u, 3), np.split(b + a, 3)
        r, z = sigmoid(wr @ x + ur @ h + br), sigmoid(wz @ x + uz @ h + bz)
        return (1 - z) * np.tanh(wn @ x + un @ (r * h) + bn) + z * h, c
    products = weights[f"{prefix}weight_ih_l0{suffix}"] @ x + weights[f"{prefix}bias_ih_l0{suffix}"]
    recurrent = weights[f"{prefix}weight_hh_l0{suffix}"] @ h + weights[f"{prefix}bias_hh_l0{suffix}"]
    if cell == "rnn_tanh":
        return np.tanh(products + recurrent), c
    if cell == "lstm":
        i, f, g, o = np.split(products + recurrent, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    (xr, xz, xn), (hr, hz, hn) = np.split(products, 3), np.split(recurrent, 3)
    z = sigmoid(xz + hz)
    return (1 - z) * np.tanh(xn + sigmoid(xr + hr) * hn) + z * h, c


class Reference:
    """Encodes one source sentence; each step computes the decoder's next state and logits."""

    def __init__(self, module, source):
        self.config = config = module.config
        self.weights = {name: value.numpy().astype(np.float64) for name, value in module.state_dict().items()}
        self.scale = config.embed_size**0.5 if config.scaled_embedding else 1
        vectors = (
            self.weights["target_embedding.weight" if config.shared_embedding else "source_embedding.weight"]
            * self.scale
        )
        words = list(source[:-1])
        ids = {"eos": [*words, EOS], "none": words or [EOS], "both": [BOS, *words, EOS]}[config.source_marks]
        ids = ids[::-1] if getattr(config, "reversed_source", False) else ids
        ids = ids + [PAD] * (getattr(config, "padded_to", 0) - len(ids))
        states = [vectors[token] for token in ids]
        hiddens, cells = [], []
        for layer in range(config.encoder_layers):
            directions = [self.run(layer, states, "")]
            if config.bidirectional:
                outputs, hidden, cell = self.run(layer, states[::-1], "_reverse")
                directions.append((outputs[::-1], hidden, cell))
            states = [np.concatenate(parts) for parts in zip(*(outputs for outputs, _, _ in directions), strict=True)]
            hiddens.append([hidden for _, hidden, _ in directions])
            cells.append([cell for _, _, cell in directions])
        self.states = np.stack([self.combined(np.split(state, len(directions))) for state in states])  # [S, M]
        top = self.combined(hiddens[-1])
        means = {"mean": self.states.mean(0), "max": self.states.max(0)}
        self.summary = means.get(config.context, top)
        self.h = self.bridged("hidden", hiddens, self.summary)
        self.c = [np.zeros(config.hidden_size)] * config.num_layers
        if config.cell == "lstm" and config.initial_cell == "hidden":
            self.c = list(self.h)
        elif config.cell == "lstm" and config.initial_cell == "cell" and config.context in ("last", "top"):
            self.c = self.bridged("cell", cells, self.combined(cells[-1]))
        self.fed = np.zeros(config.readout_size)

    def combined(self, directions):
        return sum(directions) if self.config.directions == "summed" else np.concatenate(directions)

    def run(self, layer, values, suffix):
        h = c = np.zeros(self.config.encoder_size)
        outputs = []
        for x in values:
            h, c = cell_step(self.weights, f"encoder.{layer}.", self.config.cell_name, x, h, c, suffix)
            outputs.append(h)
        return outputs, h, c

    def bridged(self, part, states, top):
        """What each layer of the decoder starts from; states: of each layer and direction of the encoder."""
        config = self.config
        layers = range(config.num_layers)
        if config.bridge == "zeros":
            return [np.zeros(config.hidden_size) for _ in layers]
        if config.bridge == "directions":
            return [state for directions in states for state in directions][: len(layers)]
        by_layer = config.context == "last" and len(states) == len(layers)
        found = [self.combined(states[layer]) if by_layer else top for layer in layers]
        if config.bridge == "auto" and config.encoded_size == config.hidden_size:
            return found
        found = [self.linear(f"bridge.{part}", m) for m in found]
        return [np.tanh(m) for m in found] if part == "hidden" else found

    def linear(self, name, x):
        return self.weights[f"{name}.weight"] @ x + self.weights[f"{name}.bias"]

    def scores(self, h):
        weights, kind = self.weights, self.config.attention
        for m in self.states:
            if kind == "dot":
                yield h @ m / np.sqrt(len(h))
            elif kind == "general":
                yield h @ weights["attention.keys_of.weight"] @ m / np.sqrt(len(h))
            elif kind == "additive":
                yield weights["attention.vector.weight"][0] @ np.tanh(
                    weights["attention.query_of.weight"] @ h + self.linear("attention.keys_of", m)
                )
            else:
                yield weights["attention.vector.weight"][0] @ np.tanh(
                    weights["attention.joint.weight"] @ np.concatenate((h, m))
                )

    def attend(self):
        scores = np.array(list(self.scores(self.h[-1])))
        self.attention = np.exp(scores) / np.exp(scores).sum()
        return self.attention @ self.states

    def attend_by_place(self, query):
        """Places after the source have no encoded token; the attention is that among the tokens."""
        scores = self.linear("attention.places", query)
        weights = (np.exp(scores) / np.exp(scores).sum())[: len(self.states)]
        self.attention = np.append(weights / weights.sum(), np.zeros(len(self.states) - len(weights)))
        return weights @ self.states[: len(weights)]

    def layers(self, x):
        for layer in range(self.config.num_layers):
            self.h[layer], self.c[layer] = cell_step(
                self.weights, f"decoder.{layer}.", self.config.cell_name, x, self.h[layer], self.c[layer]
            )
            x = self.h[layer]
        return x

    def step(self, token):
        """The logits after a token of the target."""
        config, vector = self.config, self.weights["target_embedding.weight"][token] * self.scale
        if not isinstance(config, AttentionConfig):
            output = self.layers(np.concatenate((vector, self.summary)) if config.feed_context else vector)
            if config.readout_inputs == "all":
                output = np.concatenate((output, self.summary, vector))
            if config.readout_size != len(output):
                output = self.linear("projection", output)
        else:
            if config.attention == "position":
                context = self.attend_by_place(np.concatenate((vector, self.h[-1])))
                seen = np.maximum(self.linear("combined", np.concatenate((vector, context))), 0)
                hidden = self.layers(np.concatenate((vector, seen)))
            elif config.placement == "before":
                context = self.attend()
                hidden = self.layers(np.concatenate((vector, context)))
            else:
                hidden = self.layers(np.concatenate((vector, self.fed)) if config.input_feeding else vector)
                context = self.attend()
            if config.readout_inputs == "attentional":
                self.fed = output = np.tanh(self.linear("attended", np.concatenate((context, hidden))))
            else:
                output = hidden if config.readout_inputs == "hidden" else np.concatenate((hidden, context, vector))
        matrix = self.weights["target_embedding.weight" if config.tied else "readout.weight"]
        return matrix @ output + self.weights["readout.bias"]

    def given_attention(self, length):
        """Of the words and EOS: without marks, EOS has none, unless it is alone; with both, it has that of BOS, too."""
        marks, found = self.config.source_marks, self.attention
        if marks == "both":
            return np.append(found[1:-1], found[0] + found[-1])
        return np.append(found, 0) if marks == "none" and length > 1 else found
