"""The time that a session spends on a token besides the model's step: microseconds per token.

    python tests/benchmarks/overhead.py [--rival CHECKOUT] [--sizes 65,7000] [--hidden 64,128,256] [--rounds 7]
        [--tokens 4000] [--cpu] [--profile]

The decoder returns outputs and states that were made beforehand, so that its step costs almost nothing; the bare loop
over its steps is subtracted. Measured are session.generate with several chains, at V=65 and V=7,000, and what is around
it: reading the events. Then the same for an LSTM of two compiled layers of each of --hidden units, which draws blocks
of tokens; without object code in the cache folder, that is left out. --rival adds a column for another checkout, an
older version for example: each checkout runs in a process of its own, the processes take turns, and the medians of the
rounds are compared. --profile shows where the time goes, by function, for the first chain.
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


def contenders(size: int, hidden: int = 0) -> dict[str, Contender]:
    """The bare loop and session.generate with each chain. Only public names are used: a rival may be older.

    hidden: the units of the compiled LSTM; 0: outputs that were made beforehand.
    """
    import numpy as np

    from seqshell import Model, Session, Task
    from seqshell.core.tokenizers import CharTokenizer
    from seqshell.decoding.syntax import parse_chain
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry
    from seqshell.layers import LSTMState

    rng = np.random.default_rng(0)
    outputs = [(3 * rng.standard_normal((1, size))).astype(np.float32) for _ in range(RING)]

    class Prepared:
        """Outputs and states that were made beforehand."""

        def __init__(self) -> None:
            self._at = 0

        def initial_state(self, batch_size: int = 1) -> Any:
            return LSTMState(*(np.zeros((batch_size, 2, HIDDEN), np.float32) for _ in range(2)))

        def step(self, inputs: Any, state: Any) -> Any:
            self._at = at = (self._at + 1) % RING
            return outputs[at], LSTMState(state[0].copy(), state[1].copy())

        feed = step

    decoder = compiled(size, hidden) if hidden else Prepared()
    registry = load_registry(Policy(no_plugins=True))
    tokenizer = CharTokenizer("".join(map(chr, range(32, 32 + size))))
    model = Model("benchmark", Task.GENERATE, "lstm", decoder, tokenizer, "benchmark")

    def bare(length: int) -> None:
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


def compiled(size: int, hidden: int) -> Any:
    """A compiled LSTM with random weights. Raises ImportError without object code, and in older versions."""
    import numpy as np

    from seqshell_recurrent.compiled_decoders import LSTMDecoder
    from seqshell_recurrent.config import LSTMConfig

    rng = np.random.default_rng(0)
    shapes = {"embedding.weight": (size, hidden), "readout.weight": (size, hidden), "readout.bias": (size,)}
    for layer in (0, 1):
        own = {f"weight_{kind}_l0": (4 * hidden, hidden) for kind in ("ih", "hh")}
        own |= {f"bias_{kind}_l0": (4 * hidden,) for kind in ("ih", "hh")}
        shapes |= {f"recurrent.{layer}.{name}": shape for name, shape in own.items()}
    weights = {name: (rng.standard_normal(shape) / hidden**0.5).astype(np.float32) for name, shape in shapes.items()}
    return LSTMDecoder(LSTMConfig(size, embed_size=hidden, hidden_size=hidden), weights)


def serve(checkout: Path, clock: Callable[[], float]) -> None:
    """Run what is asked for on stdin, one line of JSON each: the sizes, the name and the number of tokens."""
    sys.path[:0] = [str(checkout / "repl"), str(checkout / "plugins")]
    ready: dict[tuple[int, int], dict[str, Contender]] = {}
    for line in sys.stdin:
        size, hidden, name, tokens = json.loads(line)
        if (size, hidden) not in ready:
            try:
                ready[size, hidden] = contenders(size, hidden)
            except ImportError:
                print("nan", flush=True)
                continue
        run = ready[size, hidden][name]
        start = clock()
        run(tokens)
        print((clock() - start) / tokens * 1e6, flush=True)


class Served:
    """A checkout in a process of its own."""

    def __init__(self, checkout: Path, *options: str) -> None:
        command = [sys.executable, __file__, "--serve", str(checkout), *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def time(self, size: int, hidden: int, name: str, tokens: int) -> float:
        """Microseconds per token; NaN if the checkout cannot do that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([size, hidden, name, tokens]), file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def end(self) -> None:
        """End the process."""
        self._process.communicate()


def measure(served: list[Served], size: int, hidden: int, rounds: int, tokens: int) -> dict[str, list[float]]:
    """By chain, the microseconds of each checkout, without the bare loop."""
    seen: dict[str, list[list[float]]] = {name: [[] for _ in served] for name in ("bare", *CHAINS)}
    for number in range(rounds + 1):
        for name, columns in seen.items():
            for column, process in zip(columns, served, strict=True):
                taken = process.time(size, hidden, name, tokens)
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
    parser.add_argument("--hidden", default="64,128,256", help="units of the compiled layers")
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
    first, met = next(iter(CHAINS)), True
    cases = [(int(size), 0) for size in arguments.sizes.split(",") if size]
    cases += [(65, int(hidden)) for hidden in arguments.hidden.split(",") if hidden]
    for size, hidden in cases:
        model = f"compiled LSTM of 2x{hidden}" if hidden else "outputs made beforehand"
        print(f"\nV={size:,}, {model}   microseconds per token besides the step")
        for name, times in measure(served, size, hidden, arguments.rounds, arguments.tokens).items():
            row = f"  {name:<36}{times[0]:>8.2f}"
            if len(times) > 1:
                row += f"   {arguments.rival.name}: {times[1]:.2f}   {times[1] / times[0]:.2f}x"
            if size == 65 and name == first:
                met = met and not times[0] > TARGET
                row += f"   target {TARGET:g}: {'MISSED' if times[0] > TARGET else 'met'}"
            print(row)
    for process in served:
        process.end()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
