"""Counted n-grams in torch: counting a text, and the probabilities at every step of it. The decoder that speaks numpy is in `decoders`."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from seqshell_ngram.config import NGramConfig
from seqshell_ngram.counts import count_grams, from_weights, to_weights
from seqshell_ngram.smoothing import interpolate
from seqshell_ngram.window import empty, windows

COUNTED = ("tokens", "counts", "followers")  # what a checkpoint keeps; the rest is computed from it
DERIVED = ("keys", "shares", "starts", "rest")  # as in smoothing.Level


class Grams(nn.Module):
    """The n-grams of one length, sorted, as buffers [G]; nothing before a text was counted."""

    def __init__(self, *, is_longest: bool) -> None:
        super().__init__()
        self.counted = COUNTED[:-1] if is_longest else COUNTED
        for name in self.counted:
            self.register_buffer(name, torch.zeros(0, dtype=torch.uint8))
        for name in DERIVED:
            self.register_buffer(name, torch.zeros(0), persistent=False)


class NGramLanguageModel(nn.Module):
    """The next token after the last n - 1 ones, from how often runs of up to n tokens stood in a text. It is counted, not trained by descent.

    Weights: whole numbers, grams.{length}.tokens, .counts and, but for the longest, .followers, as in counts.Grams. No text counted: all
    tokens are equally likely. State: one tensor [B, n - 1] int64, the last tokens, -1 where there are none. Logits are log-probabilities.
    """

    def __init__(self, config: NGramConfig) -> None:
        super().__init__()
        self.config = config
        self.grams = nn.ModuleDict(
            {str(length): Grams(is_longest=length == config.order) for length in range(1, config.order + 1)}
        )
        self.register_buffer("unigrams", torch.full((config.vocab_size,), 1 / config.vocab_size), persistent=False)
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]  # torch leaves it so
        self.register_load_state_dict_post_hook(_derive)  # type: ignore[no-untyped-call]  # torch leaves it so

    def count(self, ids: Tensor) -> None:
        """ids: [N] int64, a text. What was counted before is forgotten."""
        tables = count_grams(ids.cpu().numpy(), self.config.order, self.config.vocab_size)
        self.load_state_dict({name: torch.from_numpy(values) for name, values in to_weights(tables).items()})

    def initial_state(self, batch_size: int = 1) -> Tensor:
        """[batch_size, n - 1] of -1."""
        return empty(batch_size, self.config.order, self._buffer("unigrams"))

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, n - 1]. Returns log-probabilities [B, T, V], state [B, n - 1]."""
        contexts, state = windows(tokens, state)
        rows = contexts.flatten(0, 1)  # [N, n - 1]
        probs = self._buffer("unigrams").repeat(len(rows), 1)  # [N, V]
        for length in range(1, rows.shape[1] + 1):
            self._refine(probs, rows[:, -length:])
        return probs.log_().view(*tokens.shape, -1), state

    def _refine(self, probs: Tensor, contexts: Tensor) -> None:
        """Turn the probabilities [N, V] after shorter contexts into those after contexts [N, length], in place; unseen ones change nothing."""
        length, size = contexts.shape[1], self.config.vocab_size
        places = torch.zeros_like(contexts[:, 0])
        for depth, column in enumerate(contexts.unbind(1), 1):
            keys = self._level(depth, "keys")
            if not keys.numel():
                return
            wanted = places * size + column
            found = torch.searchsorted(keys, wanted).clamp_(max=keys.numel() - 1)
            places = torch.where((places >= 0) & (column >= 0) & (keys[found] == wanted), found, -1)
        (rows,) = torch.nonzero(places >= 0, as_tuple=True)
        places = places[rows]
        probs[rows] *= self._level(length, "rest")[places, None]
        starts = self._level(length, "starts")
        first, number = starts[places], starts[places + 1] - starts[places]
        # The followers of each context, one after the other: [F] rows and places.
        rows = rows.repeat_interleave(number)
        followers = torch.arange(len(rows), device=rows.device) + (first - number.cumsum(0) + number).repeat_interleave(
            number
        )
        longer = self._level(length + 1, "tokens")[followers].long()
        probs.view(-1).index_add_(0, rows * size + longer, self._level(length + 1, "shares")[followers])

    def _buffer(self, name: str) -> Tensor:
        return cast(Tensor, getattr(self, name))

    def _level(self, length: int, name: str) -> Tensor:
        return cast(Tensor, getattr(self.grams[str(length)], name))


def _make_room(module: NGramLanguageModel, weights: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before counts are loaded: how many there are, and how large, is only known from them."""
    for length, grams in module.grams.items():
        for name in cast(Grams, grams).counted:
            if (new := weights.get(f"{prefix}grams.{length}.{name}")) is not None:
                setattr(grams, name, torch.empty(new.shape, dtype=new.dtype, device=module._buffer("unigrams").device))


def _derive(module: NGramLanguageModel, _: Any) -> None:
    """After counts were loaded: the probabilities that they stand for. CheckpointError for tensors that cannot be counts."""
    config, device = module.config, module._buffer("unigrams").device
    weights = {name: values.cpu().numpy() for name, values in module.state_dict().items()}
    probabilities = interpolate(
        from_weights(weights, config.order, config.vocab_size), config.vocab_size, config.smoothing
    )
    module.unigrams = torch.from_numpy(probabilities.unigrams).to(device)
    for length, level in enumerate(probabilities.levels, 1):
        for name in DERIVED:
            setattr(module.grams[str(length)], name, torch.from_numpy(getattr(level, name)).to(device))
