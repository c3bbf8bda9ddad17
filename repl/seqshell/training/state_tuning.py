"""Train only the state in which a recurrent language model begins: its weights stay as they are.

This is prefix tuning (Li & Liang 2021, https://aclanthology.org/2021.acl-long.353) for a model whose whole past is one
state. The result is a saved state, which `/state load` continues from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqshell.core.errors import RecipeError
from seqshell.core.model import Model
from seqshell.core.state import State, leaves, map_leaves, replace_leaves
from seqshell.core.tasks import Task
from seqshell.inspect import saved_states
from seqshell.session import Session


class TunedState(nn.Module):
    """A model that begins in a state of its own, which is its only parameter.

    While it trains, each chunk of a text begins in that state: later chunks would not depend on it.
    """

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.model = module.requires_grad_(False)
        self.like = module.initial_state(1)
        self.leaves = nn.ParameterList(leaf.detach().clone() for leaf in leaves(self.like))

    def initial_state(self, batch_size: int = 1) -> State:
        """The trained state, for each row."""
        rows = iter([leaf.expand(batch_size, *leaf.shape[1:]) for leaf in self.leaves])
        return replace_leaves(self.like, rows)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """As the model's."""
        outputs: tuple[Tensor, State] = self.model(tokens, self.initial_state(len(tokens)) if self.training else state)
        return outputs

    def train(self, mode: bool = True) -> TunedState:
        """Train the state alone: the model drops nothing."""
        super().train(mode)
        self.model.eval()
        return self


def tuned(module: Any, where: str) -> TunedState:
    """The module with a state to train. Raises RecipeError, beginning with `where`, if it has none."""
    with torch.no_grad():
        found = list(leaves(module.initial_state(1)))
    if not found or not all(leaf.is_floating_point() and leaf.numel() for leaf in found):
        raise RecipeError(f"{where}: training.tune: this model has no state of real numbers that could be trained")
    return TunedState(module)


def check_tuned(task: str, parent: Model | None, where: str) -> None:
    """Raise RecipeError unless there is a language model whose state can be trained."""
    if task != Task.GENERATE:
        raise RecipeError(f"{where}: training.tune: only language models begin all texts in one state, not {task}")
    if parent is None:
        raise RecipeError(f"{where}: training.tune needs the model whose state it trains: name it with --from MODEL")
    if not parent.causal or parent.grows:
        raise RecipeError(f"{where}: training.tune: {parent.name} has no state of a fixed size")


def save_tuned(module: TunedState, model: Model, path: Path) -> Path:
    """Write the state of a module as a saved state of the model. Returns the path."""
    session = Session(model)
    session.set_state(map_leaves(lambda leaf: leaf.detach().cpu().numpy().copy(), module.initial_state(1)))
    return saved_states.save_state(path, session)
