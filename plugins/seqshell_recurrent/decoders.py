"""The architectures rnn, lstm and gru in numpy; they compute the same as the torch modules in `language_models`."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from seqshell.core.state import State
from seqshell.layers import (
    Readout,
    RecurrentStack,
    ResidualStack,
    read_layers,
    read_norms,
    take,
    top_hidden,
)
from seqshell.layers.weights import Weights
from seqshell_recurrent.config import GRUConfig, LSTMConfig, RecurrentConfig, RNNConfig
from seqshell_recurrent.stacked_decoder import StackedDecoder


class RecurrentDecoder(StackedDecoder):
    """Base class of the decoders. The weights are named as in `language_models.RecurrentLanguageModel`."""

    def __init__(self, config: RecurrentConfig, weights: Weights, cell: str) -> None:
        vocab_size, embed_size, hidden_size = config.vocab_size, config.embed_size, config.hidden_size
        embedding = take(weights, "embedding.weight", vocab_size, embed_size) if embed_size else None
        layers = read_layers(
            cell,
            weights,
            input_size=embed_size or vocab_size,
            hidden_size=hidden_size,
            num_layers=config.num_layers,
            output_size=config.output_size,
        )
        norms = None
        if config.layer_norm:
            norms = read_norms(weights, hidden_size=hidden_size, num_layers=config.num_layers)
        one_hot = embedding is None
        if config.residual or config.layer_norm:
            stack: RecurrentStack = ResidualStack(
                layers, embedding, one_hot=one_hot, norms=norms, residual=config.residual
            )
        else:
            stack = RecurrentStack(layers, embedding, one_hot=one_hot)
        readout = Readout(weights, config.top_size, vocab_size, embedding=embedding if config.tied else None)
        self.top_size = config.top_size
        super().__init__(stack, readout)

    def features(self, state: State) -> NDArray[Any]:
        """[B, O]: the hidden state of the last layer."""
        hidden: NDArray[Any] = top_hidden(state)[:, : self.top_size]
        return hidden


class RNNDecoder(RecurrentDecoder):
    """The simple recurrent network. State: one array [B, L, H]."""

    def __init__(self, config: RNNConfig, weights: Weights) -> None:
        super().__init__(config, weights, f"rnn_{config.nonlinearity}")


class LSTMDecoder(RecurrentDecoder):
    """Long short-term memory. State: LSTMState(hidden, cell), [B, L, H] each."""

    def __init__(self, config: LSTMConfig, weights: Weights) -> None:
        super().__init__(config, weights, "lstm")


class GRUDecoder(RecurrentDecoder):
    """The gated recurrent unit. State: one array [B, L, H]."""

    def __init__(self, config: GRUConfig, weights: Weights) -> None:
        super().__init__(config, weights, "gru")
