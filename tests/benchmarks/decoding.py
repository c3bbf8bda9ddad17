"""Tokens per second in one thread: a session against the usual torch loop and the read limit, with both backends.

    python tests/benchmarks/decoding.py [--sizes 128,256,512] [--rounds 9] [--seconds 0.3] [--cpu]

The model: embedding, two LSTM layers of the same size, read-out over 65 characters, with random weights. The
contenders take turns, and the medians of the rounds are compared, so that other load slows down all of them alike.
onnxruntime and onnx are optional; without them that column is left out. The compiled backend is compiled first if it
is not yet. Read limit: how often a block with the size of all weights that a token needs can be read in that time.
"""

from __future__ import annotations

import os

# Before numpy is imported, because OpenBLAS reads them only once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from decoding_rivals import (
    TEMPERATURE,
    WIDTH,
    Contender,
    Tutorial,
    V,
    in_onnxruntime,
    onnxruntime_step,
    torch_beam,
    tutorial,
)

from seqshell import Model, Session, Task
from seqshell.core.state import rows
from seqshell.core.tokenizers import CharTokenizer
from seqshell.decoding.syntax import parse_chain
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.kernels import compile
from seqshell.kernels.packing import aligned
from seqshell_recurrent.config import LSTMConfig
from seqshell_recurrent.decoders import LSTMDecoder
from seqshell_recurrent.language_models import LSTMLanguageModel

CHAIN = f"top_k=40 top_p=0.95 temperature={TEMPERATURE}"
# Targets for a session with compiled steps: over the tutorial loop, and as a share of the read limit.
OVER_TUTORIAL = {128: 14.0}
OF_LIMIT = {256: 0.72, 512: 0.84}
OVER_TORCH_BEAM = {512: 4.0}
OVER_ONNXRUNTIME = 1.2  # target for a decoder

Clock = Callable[[], float]


def beam(decoder: LSTMDecoder) -> Contender:
    """The same with a decoder."""

    def run(length: int) -> None:
        tokens, totals, state = np.zeros(WIDTH, np.int64), np.zeros(WIDTH), decoder.initial_state(WIDTH)
        for _ in range(length // WIDTH):
            logits, state = decoder.step(tokens, state)
            highest = logits.max(1, keepdims=True)
            scores = logits - highest - np.log(np.exp(logits - highest).sum(1, keepdims=True)) + totals[:, None]
            places = np.argpartition(scores, -WIDTH, None)[-WIDTH:]
            totals, tokens, state = scores.flat[places], places % V, rows(state, places // V)

    return run


def alone(decoder: LSTMDecoder) -> Contender:
    """The decoder without a session: the most likely token each time."""

    def run(length: int) -> None:
        token, state = np.zeros(1, np.int64), decoder.initial_state()
        for _ in range(length):
            outputs, state = decoder.step(token, state)
            token = outputs.argmax(1)

    return run


def in_session(decoder: LSTMDecoder, sampler: str) -> Contender:
    """session.generate in a new session: snapshots, the sampler chain in float64, counted draws, events."""
    registry = load_registry(Policy(no_plugins=True))
    model = Model(
        "benchmark", Task.GENERATE, "lstm", decoder, CharTokenizer("".join(map(chr, range(32, 32 + V)))), "benchmark"
    )
    settings = {} if sampler else {"temperature": TEMPERATURE}

    def run(length: int) -> None:
        session = Session(model, samplers=registry.samplers, strategies=registry.strategies)
        session.chain = parse_chain(sampler, registry.samplers)
        for _ in session.generate(length, **settings):
            pass

    return run


def check(module: LSTMLanguageModel, decoder: LSTMDecoder, step: Callable[..., list[np.ndarray]] | None) -> None:
    """Check that all of them compute the same model."""
    tokens, size = np.array([[3, 17, 64, 0, 9]]), module.config.hidden_size
    with torch.inference_mode():
        expected = Tutorial(module)(torch.from_numpy(tokens), (torch.zeros(2, 1, size), torch.zeros(2, 1, size)))[0][
            :, -1
        ].numpy()
    np.testing.assert_allclose(decoder.feed(tokens, decoder.initial_state())[0], expected, atol=1e-5)
    if step:
        state = [np.zeros((1, 1, size), np.float32)] * 4
        for token in tokens[0]:
            logits, *state = step(np.array([[token]]), *state)
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def speeds(contenders: dict[str, Contender], rounds: int, seconds: float, clock: Clock) -> dict[str, float]:
    """The median tokens per second of each, over rounds in which they take turns."""
    lengths, seen = {}, {name: [] for name in contenders}
    for name, run in contenders.items():
        run(20)
        start = clock()
        run(50)
        lengths[name] = max(20, int(seconds * 50 / (clock() - start)))
    for _ in range(rounds):
        for name, run in contenders.items():
            start = clock()
            run(lengths[name])
            seen[name].append(lengths[name] / (clock() - start))
    return {name: median(values) for name, values in seen.items()}


def reading(size: int) -> Contender:
    """Read as many bytes as a token needs, those of all weights but the first layer's table, in memory like theirs."""
    block = aligned((4 * size * size + 8 * size * size + V * size,))
    block[:] = 1
    try:
        from numba import njit
    except ImportError:

        def total() -> None:
            block.dot(block)
    else:

        @njit(fastmath=True)  # it may add in several vectors
        def add(numbers: np.ndarray) -> np.float32:
            found = np.float32(0)
            for index in range(numbers.size):
                found += numbers[index]
            return found

        def total() -> None:
            add(block)

    def run(length: int) -> None:
        for _ in range(length):
            total()

    return run


def backends() -> dict[str, type[LSTMDecoder]]:
    """The decoders by backend; the compiled one is left out where it cannot be compiled."""
    if compile.main() == 0:
        from seqshell_recurrent.compiled_decoders import LSTMDecoder as CompiledDecoder

        return {"numpy": LSTMDecoder, "compiled": CompiledDecoder}
    return {"numpy": LSTMDecoder}


def measure(size: int, rounds: int, seconds: float, clock: Clock) -> bool:
    """Print the results for one size and return whether every target is met."""
    torch.manual_seed(0)
    module = LSTMLanguageModel(LSTMConfig(V, embed_size=size, hidden_size=size)).eval()
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    try:
        step = onnxruntime_step(module)
    except ImportError:
        step = None
    contenders = {"tutorial loop": tutorial(module), "read limit": reading(size), "torch beam": torch_beam(module)}
    if step:
        contenders["onnxruntime alone"] = in_onnxruntime(step, size)
    for backend, make in backends().items():
        decoder = make(module.config, weights)
        check(module, decoder, step)
        contenders |= {
            f"{backend} decoder alone": alone(decoder),
            f"{backend} session, temperature={TEMPERATURE}": in_session(decoder, ""),
            f"{backend} session, {CHAIN}": in_session(decoder, CHAIN),
            f"{backend} beam": beam(decoder),
        }
    seen = speeds(contenders, rounds, seconds, clock)
    base, limit, targets = seen["tutorial loop"], seen["read limit"], []
    print(f"\nhidden {size}, 2 layers, V={V}")
    for name, speed in seen.items():
        target = ""
        if name == f"compiled session, temperature={TEMPERATURE}":
            for wanted, found in ((OVER_TUTORIAL, speed / base), (OF_LIMIT, speed / limit)):
                if size in wanted:
                    targets.append(found >= wanted[size])
                    target = f"   target {wanted[size]:g}: {'met' if targets[-1] else 'MISSED'}"
        print(
            f"  {name:<52} {speed:>9,.0f}/s {speed / base:>6.2f}x tutorial {speed / limit:>7.1%} of the limit{target}"
        )
    for name in ("numpy beam", "compiled beam"):
        if name in seen:
            ratio = seen[name] / seen["torch beam"]
            print(f"  {name} of {WIDTH} over that of plain torch, tokens in total {ratio:.2f}x")
    if "compiled beam" in seen and size in OVER_TORCH_BEAM:
        targets.append(ratio >= OVER_TORCH_BEAM[size])
        print(f"  target {OVER_TORCH_BEAM[size]:g}x: {'met' if targets[-1] else 'MISSED'}")
    if step:
        ratio = seen["numpy decoder alone"] / seen["onnxruntime alone"]
        targets.append(ratio >= OVER_ONNXRUNTIME)
        print(
            f"  decoder over onnxruntime {ratio:.2f}x   "
            f"target {OVER_ONNXRUNTIME:g}x: {'met' if targets[-1] else 'MISSED'}"
        )
    else:
        print("  onnxruntime is left out: it needs the packages onnx and onnxruntime")
    return all(targets)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="128,256,512")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each contender in each round")
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="count processor time instead of wall time, on a machine that is busy with other things",
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    clock = time.process_time if arguments.cpu else time.perf_counter
    met = [measure(int(size), arguments.rounds, arguments.seconds, clock) for size in arguments.sizes.split(",")]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
