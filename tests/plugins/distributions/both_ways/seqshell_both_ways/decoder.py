"""The classifier in numpy; the same values as the torch model in `model`."""

import numpy as np

from seqshell import PAD
from seqshell.layers import Readout, read_encoder, read_linear, take


class SelfAttentiveDecoder:
    def __init__(self, config, weights):
        size = 2 * config.hidden_size
        self.encoder = read_encoder(
            "gru",
            weights,
            input_size=config.embed_size,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
            bidirectional=True,
            vectors=take(weights, "embedding.weight", config.vocab_size, config.embed_size),
        )
        self.inner = read_linear(weights, "inner.", size, config.attention_size, has_bias=False)
        self.scores = read_linear(weights, "scores.", config.attention_size, config.num_looks, has_bias=False)
        self.readout = Readout(weights, config.num_looks * size, config.num_classes)

    def initial_state(self, batch_size=1):
        return ()

    def step(self, inputs, state):
        """inputs: [B], texts of one token. Returns logits [B, C], ()."""
        return self.feed(inputs[:, None], state)

    def feed(self, inputs, state):
        """inputs: [B, T], padded on the right. Returns logits [B, C], ()."""
        lengths = np.maximum((inputs != PAD).sum(1), 1)
        outputs = self.encoder(inputs, lengths).outputs  # [B, T, 2H]
        scores = self.scores(np.tanh(self.inner(outputs)))  # [B, T, R]
        scores[np.arange(inputs.shape[1]) >= lengths[:, None]] = -np.inf
        weights = np.exp(scores - scores.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        looks = weights.swapaxes(1, 2) @ outputs  # [B, R, 2H]
        return self.readout(looks.reshape(len(inputs), -1)), ()
