"""The architectures classifier and bidirectional_classifier in torch.

Embedding, recurrent layers, pooling over time (`pooling`), linear read-out, and optionally n-gram weights
(`ngram_features`) and a linear model of n-grams that is fitted first (`linear_ngrams`). The bidirectional layers follow
Schuster & Paliwal 1997, https://doi.org/10.1109/78.650093, and Graves & Schmidhuber 2005. The decoders are in
`decoders`.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import init

from seqshell import PAD, UNK, State
from seqshell.layers.modules import BidirectionalLayer, Readout, RecurrentStack, sequence_dropout
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.linear_ngrams import LinearNgrams
from seqshell_classifier.ngram_features import NgramFeatures
from seqshell_classifier.pooling import Pooling, make_pooling
from seqshell_classifier.states import ClassifierState


class PooledClassifier(nn.Module):
    """Base class of both classifiers: all parts but the recurrent layers.

    size: of the pooled hidden states, H or 2H for two directions.
    distinct: the linear part uses each n-gram of a text once, however often it occurs.
    """

    def __init__(self, config: ClassifierConfig, size: int, *, distinct: bool) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.embed_size)
        # Embeddings of length about 1: a rare token has little influence before it is trained.
        init.normal_(self.embedding.weight, std=config.embed_size**-0.5)
        self.pools = nn.ModuleDict({kind: make_pooling(kind, config, size) for kind in config.poolings})
        self.readout = Readout(size * len(config.poolings), config.num_classes)
        if config.ngrams:
            self.wide = NgramFeatures(config)
        if config.linear_ngrams:
            self.linear = LinearNgrams(config, distinct=distinct)

    @property
    def num_linear(self) -> int:
        """The number of n-grams that the linear part can have; 0 if there is no such part."""
        return self.config.linear_size // self.config.num_classes if self.config.linear_ngrams else 0

    @property
    def counts_ngrams(self) -> bool:
        """True if the linear part uses an n-gram as often as it occurs, False if once."""
        return not self.linear.distinct

    def ngram_keys(self, tokens: Tensor) -> Tensor:
        """The keys of the n-grams of texts [B, T], padded on the right: [B, K] int64, -1 for no n-gram."""
        return self.linear.keys_of(tokens)

    def set_linear(self, keys: Tensor, weights: Tensor, bias: Tensor) -> None:
        """Set the linear part and let the rest add nothing to it. keys: [F]; weights: [F, C]; bias: [C]."""
        self.linear.fitted(keys, weights, bias)
        for parameter in self.readout.parameters():
            init.zeros_(parameter)

    def embed(self, tokens: Tensor) -> Tensor:
        """The embeddings [B, T, E] of tokens [B, T].

        In training, with dropout and with word dropout, which replaces tokens by UNK (Bowman et al. 2016,
        https://arxiv.org/abs/1511.06349, section 3.1).
        """
        config = self.config
        if self.training and config.word_dropout:
            tokens = tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < config.word_dropout, UNK)
        return sequence_dropout(self.embedding(tokens), config.embed_dropout, self.training, config.locked)

    def pool_list(self) -> list[Pooling]:
        """The kinds of pooling, in the order in which their results are concatenated for the read-out."""
        return [cast(Pooling, self.pools[kind]) for kind in self.config.poolings]


class Classifier(PooledClassifier):
    """A causal classifier: recurrent layers in reading order, with logits after every token.

    State: ClassifierState. The logits of a token depend only on the tokens up to it. Padding on the right therefore
    does not change them; the logits and the state after padding are meaningless.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__(config, config.hidden_size, distinct=False)
        self.recurrent = RecurrentStack(
            config.kind,
            config.embed_size,
            config.hidden_size,
            config.num_layers,
            dropout=config.dropout,
            locked=config.locked,
            forget_bias=config.forget_bias,
            input_bias=config.input_bias,
        )

    def initial_state(self, batch_size: int = 1) -> State:
        """The state before the first token."""
        zeros = self.embedding.weight.new_zeros(batch_size, self.config.hidden_size)
        pools = tuple(pool.initial_state(zeros) for pool in self.pool_list())
        ngrams = self.wide.initial_state(batch_size) if self.config.ngrams else ()
        linear = self.linear.initial_state(batch_size) if self.config.linear_ngrams else ()
        return ClassifierState(self.recurrent.initial_state(batch_size), pools, ngrams, linear)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens: [B, T] int64. Returns logits [B, T, C], state."""
        hidden, recurrent = self.recurrent(self.embed(tokens), state.recurrent)
        hidden = hidden.float()
        pooled, states = zip(
            *(pool.running(hidden, before) for pool, before in zip(self.pool_list(), state.pools, strict=True)),
            strict=True,
        )
        logits, ngrams, linear = self.readout(torch.cat(pooled, -1)), state.ngrams, state.linear
        if self.config.ngrams:
            added, ngrams = self.wide.running(tokens, ngrams)
            logits = logits + added
        if self.config.linear_ngrams:
            added, linear = self.linear.running(tokens, linear)
            logits = logits + added
        return logits, ClassifierState(recurrent, states, ngrams, linear)


class BidirectionalClassifier(PooledClassifier):
    """Recurrent layers in both directions over a whole text.

    State: (). The logits of a row do not depend on its padding.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        size = 2 * config.hidden_size
        super().__init__(config, size, distinct=True)
        self.recurrent = nn.ModuleList(
            BidirectionalLayer(
                config.kind,
                inputs,
                config.hidden_size,
                dropout=config.dropout,
                locked=config.locked,
                forget_bias=config.forget_bias,
                input_bias=config.input_bias,
            )
            for inputs in [config.embed_size] + [size] * (config.num_layers - 1)
        )

    def initial_state(self, batch_size: int = 1) -> State:
        """()."""
        return ()

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens: [B, T] int64, padded on the right. Returns logits [B, 1, C], ()."""
        lengths = (tokens != PAD).sum(1).clamp_min(1)  # [B]; an empty row is read as a single PAD
        hidden = self.embed(tokens)
        for layer in self.recurrent:
            hidden = layer(hidden, lengths)
        hidden = hidden.float()
        mask = torch.arange(tokens.shape[1], device=tokens.device) < lengths.unsqueeze(1)
        pooled = torch.cat([pool.whole(hidden, mask) for pool in self.pool_list()], -1)
        logits = self.readout(pooled)
        if self.config.ngrams:
            logits = logits + self.wide.whole(tokens, mask)
        if self.config.linear_ngrams:
            logits = logits + self.linear.whole(tokens)
        return logits.unsqueeze(1), ()
