"""Average the weights of the last epochs."""

from __future__ import annotations

import torch

from seqshell.training.run import Run
from seqshell.training.stopping import improves


def try_average(run: Run) -> bool:
    """Keep the average of the last epochs' weights if it validates better than the best epoch; returns True if so.

    Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 6.1.
    """
    if len(run.last_weights) < 2 or run.progress.best is None:
        return False
    first = run.last_weights[0]
    means = {
        name: torch.stack([weights[name].float() for weights in run.last_weights]).mean(0).to(first[name].dtype)
        for name in first
    }
    kept = run.weights()
    run.average.load_state_dict(means)
    metrics = run.validate()
    is_better = improves(metrics, run.progress.best)
    if is_better:
        run.best_weights = means
        run.progress.best = {**run.progress.best, "validation": metrics, "averaged": len(run.last_weights)}
    run.average.load_state_dict(kept)
    return is_better
