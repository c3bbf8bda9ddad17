"""Milliseconds per token of a session with a large vocabulary: with int8 candidates against all logits for each draw.

    python tests/benchmarks/large_vocabulary.py [--sizes 8192,32768] [--hidden 512] [--rounds 7] [--tokens 48]

The model: two LSTM layers with random weights, whose read-out is scaled so that its logits spread as those of a trained
model. The contenders take turns, in one thread; the medians of the rounds are compared. The tokens are the same.
"""

from __future__ import annotations

import os

# Before numpy is imported, because OpenBLAS reads them only once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import argparse
import time
from statistics import median

import numpy as np

from seqshell import Model, Session, Task
from seqshell.core.tokenizers import CharTokenizer
from seqshell.decoding.syntax import parse_chain
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.layers import CompiledStack
from seqshell_recurrent.compiled_decoders import LSTMDecoder
from seqshell_recurrent.config import LSTMConfig

CHAINS = "top_k=40 temperature=0.8", "min_p=0.05", "top_k=40 top_p=0.95 temperature=0.8"
SPREAD = 3.0  # the standard deviation of logits, as of python-docs


def decoder(size: int, hidden: int) -> LSTMDecoder:
    """A compiled LSTM with random weights."""
    rng = np.random.default_rng(0)
    shapes = {"embedding.weight": (size, hidden), "readout.weight": (size, hidden), "readout.bias": (size,)}
    for layer in (0, 1):
        own = {f"weight_{kind}_l0": (4 * hidden, hidden) for kind in ("ih", "hh")}
        own |= {f"bias_{kind}_l0": (4 * hidden,) for kind in ("ih", "hh")}
        shapes |= {f"recurrent.{layer}.{name}": shape for name, shape in own.items()}
    weights = {name: (rng.standard_normal(shape) / hidden**0.5).astype(np.float32) for name, shape in shapes.items()}
    made = LSTMDecoder(LSTMConfig(size, embed_size=hidden, hidden_size=hidden), weights)
    state = made.initial_state()
    for token in range(8):
        outputs, state = made.step(np.array([token]), state)
    weights["readout.weight"] *= SPREAD / outputs.std()
    return LSTMDecoder(LSTMConfig(size, embed_size=hidden, hidden_size=hidden), weights)


def measure(size: int, hidden: int, rounds: int, tokens: int) -> None:
    """Print the results for one vocabulary."""
    registry = load_registry(Policy(no_plugins=True))
    tokenizer = CharTokenizer("".join(map(chr, range(32, 32 + size))))
    stack = (model := Model("large", Task.GENERATE, "lstm", decoder(size, hidden), tokenizer, "large")).decoder.stack
    assert isinstance(stack, CompiledStack)
    print(f"\n2x{hidden}, V={size:,}   ms per token: int8 candidates, all logits")
    for chain in CHAINS:
        seen: dict[bool, list[float]] = {True: [], False: []}
        texts = set()
        for number in range(rounds + 1):
            for is_large, times in seen.items():
                stack._is_large = is_large
                session = Session(model, samplers=registry.samplers, strategies=registry.strategies)
                session.chain = parse_chain(chain, registry.samplers)
                start = time.perf_counter()
                *_, finished = session.generate(tokens)
                if number:  # the first round makes the int8 weights
                    times.append((time.perf_counter() - start) / tokens * 1e3)
                texts.add(finished.answer)
        assert len(texts) == 1
        fast, slow = median(seen[True]), median(seen[False])
        print(f"  {chain:<40} {fast:>7.3f} {slow:>7.3f}   {slow / fast:.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="8192,32768")
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=48)
    arguments = parser.parse_args()
    for size in arguments.sizes.split(","):
        measure(int(size), arguments.hidden, arguments.rounds, arguments.tokens)


if __name__ == "__main__":
    main()
