"""The architecture ngram in torch: n-gram counts with Witten-Bell or Kneser-Ney smoothing.

`counts` counts a text, and `smoothing` gives the equations and papers. This module computes the probabilities at all
steps of a batch; the decoder in `decoders` does so for one step.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from seqshell_ngram.config import NGramConfig
from seqshell_ngram.counts import count_grams, from_weights, to_weights
from seqshell_ngram.smoothing import interpolate
from seqshell_ngram.window import empty_window, windows

STORED = ("tokens", "counts", "followers")  # in a checkpoint, see counts.GramCounts
DERIVED = ("keys", "shares", "starts", "backoff")  # computed from the stored ones, see smoothing.Level


class GramBuffers(nn.Module):
    """The n-grams of one length as buffers [G], empty until a text is counted."""

    def __init__(self, *, is_longest: bool) -> None:
        super().__init__()
        self.stored = STORED[:-1] if is_longest else STORED
        for name in self.stored:
            self.register_buffer(name, torch.zeros(0, dtype=torch.uint8))
        for name in DERIVED:
            self.register_buffer(name, torch.zeros(0), persistent=False)


class NGramLanguageModel(nn.Module):
    """P(w | the last n - 1 tokens) from the counts of n-grams in a text. Counted in one pass, not by gradient descent.

    Before a text is counted, all tokens are equally likely. The logits are log-probabilities.
    Weights: integers, grams.{length}.tokens, grams.{length}.counts and, except for the longest,
    grams.{length}.followers, as in counts.GramCounts. State: one tensor [B, n - 1] int64, the last tokens, with -1
    before the beginning of the text.
    """

    def __init__(self, config: NGramConfig) -> None:
        super().__init__()
        self.config = config
        self.grams = nn.ModuleDict(
            {str(length): GramBuffers(is_longest=length == config.order) for length in range(1, config.order + 1)}
        )
        self.register_buffer("unigrams", torch.full((config.vocab_size,), 1 / config.vocab_size), persistent=False)
        self.register_load_state_dict_pre_hook(_resize_buffers)  # type: ignore[no-untyped-call]  # untyped in torch
        self.register_load_state_dict_post_hook(_derive)  # type: ignore[no-untyped-call]  # untyped in torch

    def count(self, ids: Tensor) -> None:
        """Count a text, ids [N] int64, and replace all earlier counts."""
        tables = count_grams(ids.cpu().numpy(), self.config.order, self.config.vocab_size)
        self.load_state_dict({name: torch.from_numpy(values) for name, values in to_weights(tables).items()})

    def initial_state(self, batch_size: int = 1) -> Tensor:
        """[batch_size, n - 1] of -1."""
        return empty_window(batch_size, self.config.order, self._buffer("unigrams"))

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, n - 1]. Returns log-probabilities [B, T, V], state [B, n - 1]."""
        contexts, state = windows(tokens, state)
        rows = contexts.flatten(0, 1)  # [N, n - 1]
        probs = self._buffer("unigrams").repeat(len(rows), 1)  # [N, V]
        for length in range(1, rows.shape[1] + 1):
            self._refine(probs, rows[:, -length:])
        return probs.log_().view(*tokens.shape, -1), state

    def _refine(self, probs: Tensor, contexts: Tensor) -> None:
        """Update probs [N, V] in place, from P(w | h') to P(w | h) = share(h w) + backoff(h) P(w | h').

        contexts: [N, length], the h; h' is h without its first token. The rows of contexts that do not occur in the
        text do not change.
        """
        length, size = contexts.shape[1], self.config.vocab_size
        indices = torch.zeros_like(contexts[:, 0])  # of the contexts' first tokens, -1 if they do not occur
        for depth, column in enumerate(contexts.unbind(1), 1):
            keys = self._level(depth, "keys")
            if not keys.numel():
                return
            key = indices * size + column
            position = torch.searchsorted(keys, key).clamp_(max=keys.numel() - 1)
            indices = torch.where((indices >= 0) & (column >= 0) & (keys[position] == key), position, -1)
        (rows,) = torch.nonzero(indices >= 0, as_tuple=True)
        indices = indices[rows]
        probs[rows] *= self._level(length, "backoff")[indices, None]
        starts = self._level(length, "starts")
        first, number = starts[indices], starts[indices + 1] - starts[indices]
        # The followers of all contexts in one vector [F]: follower k of a context has the index first + k.
        rows = rows.repeat_interleave(number)
        offsets = (first - number.cumsum(0) + number).repeat_interleave(number)
        followers = torch.arange(len(rows), device=rows.device) + offsets
        tokens = self._level(length + 1, "tokens")[followers].long()
        probs.view(-1).index_add_(0, rows * size + tokens, self._level(length + 1, "shares")[followers])

    def _buffer(self, name: str) -> Tensor:
        return cast(Tensor, getattr(self, name))

    def _level(self, length: int, name: str) -> Tensor:
        return cast(Tensor, getattr(self.grams[str(length)], name))


def _resize_buffers(module: NGramLanguageModel, weights: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before counts are loaded, give the buffers the shapes and types of the new tensors."""
    for length, grams in module.grams.items():
        for name in cast(GramBuffers, grams).stored:
            if (new := weights.get(f"{prefix}grams.{length}.{name}")) is not None:
                setattr(grams, name, torch.empty(new.shape, dtype=new.dtype, device=module._buffer("unigrams").device))


def _derive(module: NGramLanguageModel, _: Any) -> None:
    """After counts are loaded, compute the probabilities. Raises CheckpointError if the tensors are invalid."""
    config, device = module.config, module._buffer("unigrams").device
    weights = {name: values.cpu().numpy() for name, values in module.state_dict().items()}
    probabilities = interpolate(
        from_weights(weights, config.order, config.vocab_size), config.vocab_size, config.smoothing
    )
    module.unigrams = torch.from_numpy(probabilities.unigrams).to(device)
    for length, level in enumerate(probabilities.levels, 1):
        for name in DERIVED:
            setattr(module.grams[str(length)], name, torch.from_numpy(getattr(level, name)).to(device))
