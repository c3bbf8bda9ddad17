"""The architectures rnn, lstm and gru in torch: embedding, stacked recurrent layers, linear read-out.

Elman 1990 (rnn), Hochreiter & Schmidhuber 1997 (lstm), Cho et al. 2014 (gru). Their decoders are in `decoders`.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import init

from seqshell.core.state import State
from seqshell.layers import top_hidden
from seqshell.layers.modules import OneHot, Readout, RecurrentStack, sequence_dropout, token_dropout
from seqshell_recurrent.config import GRUConfig, LSTMConfig, RecurrentConfig, RNNConfig


class RecurrentLanguageModel(nn.Module):
    """Base class of the three models. cell: a key of `seqshell.layers.modules.CELLS`.

    O is the size of the last layer, H unless output_size is set; its part of a state is then padded with zeros.

    Weights: embedding.weight [V, E] (unless tokens are one-hot), recurrent.{layer}.weight_ih_l0 and so on as torch
    names them, with layer_norm also recurrent.{layer}.norm.weight and recurrent.{layer}.norm.bias [H],
    readout.weight [V, O] (unless tied) and readout.bias [V].
    """

    def __init__(self, config: RecurrentConfig, cell: str, *, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.config = config
        size = config.embed_size or config.vocab_size
        self.embedding = nn.Embedding(config.vocab_size, size) if config.embed_size else OneHot(config.vocab_size)
        self.recurrent = RecurrentStack(
            cell,
            size,
            config.hidden_size,
            config.num_layers,
            output_size=config.output_size,
            dropout=config.dropout,
            locked=config.locked,
            weight_dropout=config.weight_dropout,
            residual=config.residual,
            layer_norm=config.layer_norm,
            forget_bias=forget_bias,
        )
        self.readout = Readout(config.top_size, config.vocab_size, tied=config.tied)
        if isinstance(self.embedding, nn.Embedding) and config.tied:
            # With torch's initial embedding of unit variance, the first logits would be of size sqrt(H).
            init.normal_(self.embedding.weight, std=config.top_size**-0.5)

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros [batch_size, L, H]; for the LSTM an LSTMState of two."""
        return self.recurrent.initial_state(batch_size)

    def features(self, state: State) -> Tensor:
        """[B, O]: the hidden state of the last layer."""
        hidden: Tensor = top_hidden(state)[:, : self.config.top_size]
        return hidden

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens: [B, T] int64. Returns logits [B, T, V], state."""
        hidden, state = self.hidden_states(tokens, state)
        return self.logits(hidden), state

    def hidden_states(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens: [B, T] int64. Returns the last layer's outputs [B, T, O], state."""
        config = self.config
        hidden: Tensor
        # In training alone: what looks into a model, such as /reach, needs the vectors of the embedding.
        by_token = self.training and not (config.embed_dropout or config.token_dropout)
        if by_token and isinstance(self.embedding, nn.Embedding):
            hidden, state = self.recurrent(tokens, state, table=self.embedding.weight)
            return hidden, state
        vectors = self.embedding(tokens)  # [B, T, E]
        vectors = token_dropout(vectors, tokens, config.vocab_size, config.token_dropout, self.training)
        inputs = sequence_dropout(vectors, config.embed_dropout, self.training, config.locked)
        hidden, state = self.recurrent(inputs, state)
        return hidden, state

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden: [..., O]. Returns [..., V]."""
        logits: Tensor = self.readout(hidden, self.embedding.weight if self.config.tied else None)
        return logits

    def logit_weights(self) -> tuple[Tensor, Tensor]:
        """The matrix [V, O] and the biases [V] of the logits, so that training can compute them with their loss."""
        weight = self.embedding.weight if self.config.tied else self.readout.weight
        return cast(Tensor, weight), self.readout.bias


class RNNLanguageModel(RecurrentLanguageModel):
    """Simple recurrent network, h = f(W x + U h + b) (Elman 1990, https://doi.org/10.1207/s15516709cog1402_1).

    State: one tensor [B, L, H], the hidden state of each of the L layers.
    """

    def __init__(self, config: RNNConfig) -> None:
        super().__init__(config, f"rnn_{config.nonlinearity}")


class LSTMLanguageModel(RecurrentLanguageModel):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735).

    With a forget gate (Gers et al. 2000); the equations are in `cells.LSTMCell`.

    State: LSTMState(hidden, cell), [B, L, H] each.
    """

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__(config, "lstm", forget_bias=config.forget_bias)


class GRULanguageModel(RecurrentLanguageModel):
    """Gated recurrent unit (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

    The reset gate acts after the recurrent product, as in cuDNN and torch; the equations are in `cells.GRUCell`.

    State: one tensor [B, L, H], the hidden state of each of the L layers.
    """

    def __init__(self, config: GRUConfig) -> None:
        super().__init__(config, "gru")
