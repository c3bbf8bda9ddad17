"""The time that a session spends on a token besides the model's step: microseconds per token.

    python tests/benchmarks/overhead.py [--rival CHECKOUT] [--sizes 65,7000] [--rounds 7] [--tokens 4000] [--cpu]
        [--profile]

The decoder returns outputs and states that were made beforehand, so that its step costs almost nothing; the bare loop
over its steps is subtracted. Measured are session.generate with several chains, at V=65 and V=7,000, and what is around
it: reading the events. --rival adds a column for another checkout, an older version for example: each checkout runs in
a process of its own, the processes take turns, and the medians of the rounds are compared. --profile shows where the
time goes, by function, for the first chain.
"""

from __future__ import annotations

import os

# Before numpy is imported, because OpenBLAS reads them only once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parents[2]
TARGET = 12.0  # microseconds, for the first chain at V=65
CHAINS = {
    "temperature=0.8": "temperature=0.8",
    "greedy": "",
    "top_k top_p min_p temperature": "top_k=40 top_p=0.95 min_p=0.05 temperature=0.8",
    "top_p temperature": "top_p=0.95 temperature=0.8",
    "repeat_penalty top_k temperature": "repeat_penalty=1.1 top_k=40 temperature=0.8",
}
RING = 64  # outputs and states that the decoder returns in turn
HIDDEN = 128

Contender = Callable[[int], None]  # generates N tokens


def contenders(size: int) -> dict[str, Contender]:
    """The bare loop and session.generate with each chain. Only public names are used: a rival may be older."""
    import numpy as np

    from seqshell import Model, Session, Task
    from seqshell.core.tokenizers import CharTokenizer
    from seqshell.decoding.syntax import parse_chain
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry
    from seqshell.layers import LSTMState

    rng = np.random.default_rng(0)
    outputs = [(3 * rng.standard_normal((1, size))).astype(np.float32) for _ in range(RING)]

    class Decoder:
        """Outputs and states that were made beforehand."""

        def __init__(self) -> None:
            self._at = 0

        def initial_state(self, batch_size: int = 1) -> Any:
            return LSTMState(*(np.zeros((batch_size, 2, HIDDEN), np.float32) for _ in range(2)))

        def step(self, inputs: Any, state: Any) -> Any:
            self._at = at = (self._at + 1) % RING
            return outputs[at], LSTMState(state[0].copy(), state[1].copy())

        feed = step

    registry = load_registry(Policy(no_plugins=True))
    tokenizer = CharTokenizer("".join(map(chr, range(32, 32 + size))))
    model = Model("benchmark", Task.GENERATE, "lstm", Decoder(), tokenizer, "benchmark")

    def bare(length: int) -> None:
        decoder = Decoder()
        token, state = np.zeros(1, np.int64), decoder.initial_state()
        for _ in range(length):
            _, state = decoder.step(token, state)

    def generating(name: str) -> Contender:
        chain = parse_chain(CHAINS[name], registry.samplers)
        strategy = "greedy" if name == "greedy" else "sample"

        def run(length: int) -> None:
            session = Session(model, samplers=registry.samplers, strategies=registry.strategies)
            session.chain = chain
            for _ in session.generate(length, strategy=strategy):
                pass

        return run

    return {"bare": bare} | {name: generating(name) for name in CHAINS}


def serve(checkout: Path, clock: Callable[[], float]) -> None:
    """Run what is asked for on stdin, one line of JSON each: the size, the name and the number of tokens."""
    sys.path[:0] = [str(checkout / "repl"), str(checkout / "plugins")]
    ready: dict[int, dict[str, Contender]] = {}
    for line in sys.stdin:
        size, name, tokens = json.loads(line)
        if size not in ready:
            ready[size] = contenders(size)
        run = ready[size][name]
        start = clock()
        run(tokens)
        print((clock() - start) / tokens * 1e6, flush=True)


class Served:
    """A checkout in a process of its own."""

    def __init__(self, checkout: Path, *options: str) -> None:
        command = [sys.executable, __file__, "--serve", str(checkout), *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def time(self, size: int, name: str, tokens: int) -> float:
        """Microseconds per token."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([size, name, tokens]), file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def end(self) -> None:
        """End the process."""
        self._process.communicate()


def measure(served: list[Served], size: int, rounds: int, tokens: int) -> dict[str, list[float]]:
    """By chain, the microseconds of each checkout, without the bare loop."""
    seen: dict[str, list[list[float]]] = {name: [[] for _ in served] for name in ("bare", *CHAINS)}
    for number in range(rounds + 1):
        for name, columns in seen.items():
            for column, process in zip(columns, served, strict=True):
                taken = process.time(size, name, tokens)
                if number:  # the first round warms up
                    column.append(taken)
    bare = [median(column) for column in seen.pop("bare")]
    return {
        name: [median(column) - each for column, each in zip(columns, bare, strict=True)]
        for name, columns in seen.items()
    }


def profile(tokens: int) -> None:
    """Print the functions that take the most time, with the first chain."""
    import cProfile
    import pstats

    run = contenders(65)[next(iter(CHAINS))]
    run(tokens)
    profiler = cProfile.Profile()
    profiler.runcall(run, tokens)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(32)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rival", type=Path, help="another checkout, such as a git worktree of an older commit")
    parser.add_argument("--sizes", default="65,7000", help="vocabularies")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=4000, help="of each contender in each round")
    parser.add_argument("--cpu", action="store_true", help="count processor time, on a busy machine")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, time.process_time if arguments.cpu else time.perf_counter)
        return 0
    if arguments.profile:
        profile(arguments.tokens)
        return 0
    options = ["--cpu"] if arguments.cpu else []
    served = [Served(each, *options) for each in (HERE, arguments.rival) if each is not None]
    met = True
    for size in map(int, arguments.sizes.split(",")):
        print(f"\nV={size:,}   microseconds per token besides the step")
        for name, times in measure(served, size, arguments.rounds, arguments.tokens).items():
            row = f"  {name:<36}{times[0]:>8.2f}"
            if len(times) > 1:
                row += f"   {arguments.rival.name}: {times[1]:.2f}   {times[1] / times[0]:.2f}x"
            if size == 65 and name == next(iter(CHAINS)):
                met = times[0] <= TARGET
                row += f"   target {TARGET:g}: {'met' if met else 'MISSED'}"
            print(row)
    for process in served:
        process.end()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
