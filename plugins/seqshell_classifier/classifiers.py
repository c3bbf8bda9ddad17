"""Classifiers in torch: embedding, recurrent layers, pooling, linear read-out. The decoders that speak numpy are in `decoders`."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import init

from seqshell import PAD, UNK, State
from seqshell.layers.modules import Readout, RecurrentStack, sequence_dropout
from seqshell_classifier.config import CELLS, ClassifierConfig
from seqshell_classifier.pooling import Pool, make_pool
from seqshell_classifier.states import ClassifierState
from seqshell_classifier.wide import Wide


class Pooled(nn.Module):
    """What both classifiers have around their recurrent layers. size: of a hidden state, both directions counted."""

    def __init__(self, config: ClassifierConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.embed_size)
        init.normal_(
            self.embedding.weight, std=config.embed_size**-0.5
        )  # vectors of length about 1: a rare token says little before it is learned
        self.pools = nn.ModuleDict({kind: make_pool(kind, config, size) for kind in config.poolings})
        self.readout = Readout(size * len(config.poolings), config.num_classes)
        if config.ngrams:
            self.wide = Wide(config)

    def embed(self, tokens: Tensor) -> Tensor:
        """tokens: [B, T]. Returns [B, T, E]; in training some tokens are read as UNK (word dropout, Bowman et al. 2016,
        https://arxiv.org/abs/1511.06349, section 3.1), and some elements dropped."""
        config = self.config
        if self.training and config.word_dropout:
            tokens = tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < config.word_dropout, UNK)
        return sequence_dropout(self.embedding(tokens), config.embed_dropout, self.training, config.locked)

    def pool_list(self) -> list[Pool]:
        """In the order in which the read-out reads them."""
        return [cast(Pool, self.pools[kind]) for kind in self.config.poolings]


class Classifier(Pooled):
    """Recurrent layers from the beginning of a text, with a belief after every token.

    State: ClassifierState. What a token changes depends on nothing after it, so padding to the right changes no output of a token; the
    outputs and the state after padding mean nothing.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__(config, config.hidden_size)
        self.recurrent = RecurrentStack(
            CELLS[config.cell],
            config.embed_size,
            config.hidden_size,
            config.num_layers,
            dropout=config.dropout,
            locked=config.locked,
            forget_bias=config.forget_bias,
        )

    def initial_state(self, batch_size: int = 1) -> State:
        """Before any token."""
        zeros = self.embedding.weight.new_zeros(batch_size, self.config.hidden_size)
        pools = tuple(pool.initial_state(zeros) for pool in self.pool_list())
        ngrams = self.wide.initial_state(batch_size) if self.config.ngrams else ()
        return ClassifierState(self.recurrent.initial_state(batch_size), pools, ngrams)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens: [B, T] int64. Returns logits [B, T, C], state."""
        hidden, recurrent = self.recurrent(self.embed(tokens), state.recurrent)
        hidden = hidden.float()
        pooled, states = zip(
            *(pool.running(hidden, before) for pool, before in zip(self.pool_list(), state.pools, strict=True)),
            strict=True,
        )
        logits, ngrams = self.readout(torch.cat(pooled, -1)), state.ngrams
        if self.config.ngrams:
            told, ngrams = self.wide.running(tokens, ngrams)
            logits = logits + told
        return logits, ClassifierState(recurrent, states, ngrams)


class BidirectionalClassifier(Pooled):
    """Recurrent layers from both ends of a text, which must be read at once.

    State: (). Padding is not read: a row does not depend on how far it is padded.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        size = 2 * config.hidden_size
        super().__init__(config, size)
        self.recurrent = nn.ModuleList(
            BothWays(config, inputs) for inputs in [config.embed_size] + [size] * (config.num_layers - 1)
        )

    def initial_state(self, batch_size: int = 1) -> State:
        """()."""
        return ()

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens: [B, T] int64, padded right. Returns logits [B, 1, C], ()."""
        lengths = (tokens != PAD).sum(1).clamp_min(1)  # [B]; a row without any token is read as one that is PAD
        hidden = self.embed(tokens)
        for layer in self.recurrent:
            hidden = layer(hidden, lengths)
        hidden = hidden.float()
        mask = torch.arange(tokens.shape[1], device=tokens.device) < lengths.unsqueeze(1)
        pooled = torch.cat([pool.whole(hidden, mask) for pool in self.pool_list()], -1)
        logits = self.readout(pooled)
        if self.config.ngrams:
            logits = logits + self.wide.whole(tokens, mask)
        return logits.unsqueeze(1), ()


class BothWays(nn.Module):
    """One layer from the beginning and one from the end, beside each other (Schuster & Paliwal 1997, https://doi.org/10.1109/78.650093).

    The second reads rows that are turned round, their padding left where it is: packed sequences, which nn.LSTM offers for that, are read
    without oneDNN, several times slower.
    """

    def __init__(self, config: ClassifierConfig, input_size: int) -> None:
        super().__init__()
        sizes = CELLS[config.cell], input_size, config.hidden_size
        self.ahead, self.back = (
            RecurrentStack(*sizes, dropout=config.dropout, locked=config.locked, forget_bias=config.forget_bias)
            for _ in range(2)
        )

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """inputs: [B, T, F]; lengths: [B], each at least 1. Returns [B, T, 2H]; what stands at padding means nothing."""
        start = self.ahead.initial_state(len(inputs))
        ahead, _ = self.ahead(inputs, start)
        back, _ = self.back(_turned(inputs, lengths), start)
        return torch.cat((ahead, _turned(back, lengths)), -1)


def _turned(values: Tensor, lengths: Tensor) -> Tensor:
    """Each row of values [B, T, F] from its last token to its first."""
    places = torch.arange(values.shape[1], device=values.device)
    mirrored = lengths.unsqueeze(1) - 1 - places  # [B, T], negative at padding
    return values.gather(1, torch.where(mirrored >= 0, mirrored, places).unsqueeze(-1).expand_as(values))
