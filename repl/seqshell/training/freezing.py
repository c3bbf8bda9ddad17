"""Freeze parts of a module by name: a training then leaves their weights as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from torch import nn

from seqshell.core.errors import RecipeError
from seqshell.core.names import did_you_mean
from seqshell.core.text_output import quoted

LAYER = re.compile(r"_l(\d+)(?:_reverse)?$")  # the ending of a weight of nn.RNN, nn.LSTM and nn.GRU: its layer


def part_names(parameter: str) -> tuple[str, ...]:
    """The names of the parts that a parameter belongs to, from the largest to itself.

    They are the modules that contain it, also without the modules around them, and the number of its layer, the first
    number in its name: encoder.0.back.weight_hh_l0 is in encoder, encoder.0, encoder.0.back, back and 0.
    """
    words = parameter.split(".")
    paths = [".".join(words[: size + 1]) for size in range(len(words))]
    numbers = [word for word in words[:-1] if word.isdigit()] or [found[1] for found in LAYER.finditer(parameter)]
    names = [word for word in words[:-1] if not word.isdigit()]
    return tuple(dict.fromkeys((*paths[:-1], *names, *numbers[:1], paths[-1])))


def freeze(module: nn.Module, parts: Sequence[str], where: str) -> None:
    """Let the parameters of these parts have no gradients.

    Raises RecipeError, beginning with `where`, for a part that the module does not have, and if nothing is left.
    """
    parameters = dict(module.named_parameters())
    names = {name: part_names(name) for name in parameters}
    known = tuple(dict.fromkeys(part for found in names.values() for part in found[:-1]))
    for part in parts:
        chosen = [name for name, found in names.items() if part in found]
        if not chosen:
            meant = did_you_mean(part, (*known, *names), f"it has {', '.join(known)}", most=2)
            raise RecipeError(f"{where}: training.freeze: the model has no part {quoted(part)}; {meant}")
        for name in chosen:
            parameters[name].requires_grad_(False)
    if parts and not any(each.requires_grad for each in parameters.values()):
        raise RecipeError(f"{where}: training.freeze leaves nothing to train: {', '.join(parts)} are the whole model")


def num_frozen(parameters: Iterable[nn.Parameter]) -> int:
    """The number of numbers that are frozen."""
    return sum(each.numel() for each in parameters if not each.requires_grad)
