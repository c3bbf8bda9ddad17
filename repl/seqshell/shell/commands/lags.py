"""/lags: how far back the gradient reached while a model was trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.events import Event, GradientLags
from seqshell.core.plugin_api import Arguments, command
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.output_files import PICTURE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

MOST = 12  # models


def trained_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the models beside which a training keeps its metrics."""
    from seqshell.models.summary import about_file
    from seqshell.training.lag_history import metrics_file

    found = paths.list_checkpoints(shell.registry.checkpoint_folders)
    return {name: about_file(path) for name, path in found.items() if metrics_file(path).is_file()}


@command("lags", usage="[-o FILE] MODEL ...", options=PICTURE_OPTION, complete=trained_words, purpose="looking")
def lags(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show how far back the gradient reached while models were trained; the state does not change.

    The bars are |d loss / d state| of each layer and leaf, 1, 2, 4, ... steps before the loss: of one model after the
    first epoch and the last, of several after the last. A training measures it with training.reach_every=1.

        >>> /continue 600
        >>> /text -o a.txt
        >>> /train a.txt training.reach_every=1 training.epochs=1
        >>> /lags a
    """
    from seqshell.training.lag_history import read_lags

    names = words(arguments, lags, 1, MOST)

    def work() -> Iterator[Event]:
        found = [read_lags(paths.find_checkpoint(name, shell.registry.checkpoint_folders), name) for name in names]
        yield GradientLags(tuple(each for training in found for each in training))

    yield from to_file(shell, arguments, work)
