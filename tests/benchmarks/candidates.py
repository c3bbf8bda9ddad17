"""/regen K: candidates that are drawn together over the same candidates one by one, with compiled steps.

    python tests/benchmarks/candidates.py [--model shakespeare] [--rounds 7]

Printed are the median ratios of the time until all candidates of 200 tokens are there, and of that until the first is.
Both ways take turns and must give the same tokens.
"""

from __future__ import annotations

import os

# Before numpy is imported, because OpenBLAS reads them only once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import argparse
import sys
import time
from statistics import median
from unittest.mock import patch

from seqshell import Model, Session, Token
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.kernels import compile
from seqshell.models.opening import open_model
from seqshell.session import answers

LENGTH = 200


def regenerate(model: Model, number: int, *, together: bool) -> tuple[float, float, list[int]]:
    """The seconds until the first candidate and until all are there, and their tokens."""
    session = Session(model, seed=1)
    session.feed("ROMEO:")
    for _ in session.generate(LENGTH):
        pass
    tokens, times = [], []
    way = answers.together if together else lambda cursor, plans, draws: plans
    with patch.object(answers, "together", way):
        start = time.perf_counter()
        for event in session.regenerate(number):
            if isinstance(event, Token):
                tokens.append(event.id)
                times.append(time.perf_counter() - start)
    return times[LENGTH - 1], times[-1], tokens


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="shakespeare")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    if compile.main() != 0:
        return 1
    model = open_model(arguments.model, load_registry(Policy(no_plugins=True)))
    for number in (2, 4, 8):
        ratios = []
        for _ in range(arguments.rounds):
            first, all_, tokens = regenerate(model, number, together=True)
            first_alone, all_alone, expected = regenerate(model, number, together=False)
            assert tokens == expected
            ratios.append((all_alone / all_, first / first_alone))
        faster, slower = (median(each) for each in zip(*ratios, strict=True))
        print(f"{number} candidates: {faster:.2f}x as fast; the first one takes {slower:.2f}x as long", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
