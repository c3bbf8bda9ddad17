"""Sentences per second, with greedy and beam search, against a plain torch loop; and the time until the first word.

    python tests/benchmarks/translation.py [--model german-english] [--sources FILE] [--sentences 64] [--rounds 5]

single     a session translates one sentence after the other
batched    as for files: sentences of similar length together
loop       module.encode, then module(token, state) until EOS, one sentence at a time; for the beam, rows are hypotheses
first      from the start of a process to the first word of /translate, over `import torch`
training   target tokens per second with attention outside the recurrence, over the same module called step by step

All use one thread. The contenders take turns; the medians of the rounds and their ratios are printed.
"""

from __future__ import annotations

import os

# Before numpy is imported, because OpenBLAS reads them only once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from seqshell import BOS, EOS, PAD
from seqshell.core.model import Model
from seqshell.core.sampling import Request, Stop
from seqshell.core.state import State, rows
from seqshell.decoding.batched import answers
from seqshell.decoding.syntax import parse_strategy
from seqshell.host import Registry
from seqshell.host.builtin import load_registry
from seqshell.models.opening import open_model
from seqshell.shell.opening import start_session
from seqshell.training.data.batches import pair_arrays
from seqshell.training.torch_module import torch_module

LONGEST = 100  # tokens of a translation
WIDTH = 5
BATCHED, SINGLE = 5.0, 3.0  # times the loop: the targets


@torch.inference_mode()
def greedy_loop(module: Any, source: list[int]) -> list[int]:
    """The most likely token each time, in plain torch."""
    state = module.encode(torch.tensor([source]), torch.tensor([len(source)]))
    token, found = torch.tensor([[BOS]]), list[int]()
    while len(found) < LONGEST:
        logits, state = module(token, state)
        logits[0, 0, [PAD, BOS, 3]] = float("-inf")
        token = logits[:, -1:].argmax(-1)
        if token.item() == EOS:
            break
        found.append(int(token.item()))
    return found


@torch.inference_mode()
def beam_loop(module: Any, source: list[int]) -> list[int]:
    """Beam search with average log-probabilities, with hypotheses as rows; it ends when the best of all has ended."""
    start = module.encode(torch.tensor([source]), torch.tensor([len(source)]))
    state: State = rows(start, [0] * WIDTH)
    tokens, totals = torch.full((WIDTH, 1), BOS), torch.tensor([0.0] + [float("-inf")] * (WIDTH - 1))
    hypotheses: list[list[int]] = [[] for _ in range(WIDTH)]
    finished: list[tuple[float, list[int]]] = []
    for length in range(1, LONGEST + 1):
        logits, state = module(tokens, state)
        logits[:, 0, [PAD, BOS, 3]] = float("-inf")
        scores = totals.unsqueeze(1) + functional.log_softmax(logits[:, 0], -1)  # [K, V]
        best, places = scores.flatten().topk(2 * WIDTH)
        kept: list[tuple[float, int, int]] = []
        for score, place in zip(best.tolist(), places.tolist(), strict=True):
            row, token = divmod(place, scores.shape[1])
            if token == EOS:
                finished.append((score / length, hypotheses[row]))
            elif len(kept) < WIDTH:
                kept.append((score, row, token))
        if len(finished) >= WIDTH:
            break
        hypotheses = [[*hypotheses[row], token] for _, row, token in kept]
        state = rows(state, [row for _, row, _ in kept])
        tokens, totals = torch.tensor([[token] for *_, token in kept]), torch.tensor([score for score, *_ in kept])
    return max(finished)[1] if finished else hypotheses[0]


def compare_decoding(model: Model, registry: Registry, texts: list[str], rounds: int) -> None:
    """Sentences per second of the three, for greedy and beam search."""
    assert model.source_tokenizer is not None  # it translates
    module = torch_module(model, registry)
    sources = [[*model.source_tokenizer.encode(text), EOS] for text in texts]
    request = Request(Stop(LONGEST, frozenset((EOS,))), tokenizer=model.tokenizer, excluded=frozenset((PAD, BOS, 3)))
    session = start_session(model, registry)
    session.chain = ()
    decoder: Any = model.decoder
    for words, loop in (("greedy", greedy_loop), (f"beam width={WIDTH}", beam_loop)):
        strategy = parse_strategy(words, registry.strategies)

        def single(strategy: Any = strategy) -> None:
            for text in texts:
                for _ in session.translate(text, LONGEST, strategy=strategy):
                    pass

        def batched(strategy: Any = strategy) -> None:
            for _ in answers(decoder, sources, strategy, request):
                pass

        def plain(loop: Callable[[Any, list[int]], list[int]] = loop) -> None:
            for source in sources:
                loop(module, source)

        taken = timed({"single": single, "batched": batched, "loop": plain}, rounds)
        speeds = {name: len(texts) / seconds for name, seconds in taken.items()}
        listed = " · ".join(f"{name} {speed:.1f}" for name, speed in speeds.items())
        ratios = [
            f"{name} {speeds[name] / speeds['loop']:.1f}x (at least {least}x)"
            for name, least in (("single", SINGLE), ("batched", BATCHED))
        ]
        print(f"{words:13} sentences/s: {listed} · {' · '.join(ratios)}", flush=True)


def compare_first_word(name: str, text: str, rounds: int) -> None:
    """Seconds until /translate has answered in a new process, its greedy first word included."""
    taken: dict[str, list[float]] = {"/translate": [], "import torch": []}
    commands = {
        "/translate": [sys.executable, "-m", "seqshell", "-c", f"/translate -m {name} {text}"],
        "import torch": [sys.executable, "-c", "import torch"],
    }
    for _ in range(rounds):
        for each, command in commands.items():
            start = time.perf_counter()
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                assert process.stdout is not None  # it is a pipe
                process.stdout.read(1)
                taken[each].append(time.perf_counter() - start)
    first, torch_alone = (median(each) for each in taken.values())
    print(
        f"first         {first:.3f} s to the first word · import torch {torch_alone:.3f} s · {first / torch_alone:.2f}x"
    )


def compare_training(module: Any, rounds: int) -> None:
    """Target tokens a second of a forward and a backward pass over a batch of 128 targets of 20 tokens."""
    draws = np.random.default_rng(0)
    sizes = module.config.source_vocab_size, module.config.target_vocab_size
    sides = [[draws.integers(4, size, 19).tolist() for _ in range(128)] for size in sizes]
    source, lengths, inputs, targets = (torch.from_numpy(part) for part in pair_arrays(*sides))
    module.train()

    def learn(whole: bool) -> None:
        state, logits = module.encode(source, lengths), []
        for tokens in (inputs,) if whole else inputs.split(1, 1):
            some, state = module(tokens, state)
            logits.append(some)
        functional.cross_entropy(torch.cat(logits, 1).flatten(0, 1), targets.flatten()).backward()

    taken = timed({"whole": lambda: learn(True), "stepped": lambda: learn(False)}, rounds)
    speeds = [targets.numel() / seconds for seconds in taken.values()]
    print(
        f"training      target tokens/s: attention outside {speeds[0]:,.0f} "
        f"· step by step {speeds[1]:,.0f} · {speeds[0] / speeds[1]:.2f}x"
    )


def timed(contenders: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """The median seconds of each, in turn, after a first run that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, work in contenders.items():
            start = time.perf_counter()
            work()
            if number:
                taken[name].append(time.perf_counter() - start)
    return {name: median(each) for name, each in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="german-english")
    parser.add_argument("--sources", type=Path, help="a file of sentences; without it the model's examples")
    parser.add_argument("--sentences", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    registry = load_registry()
    model = open_model(options.model, registry)
    examples = options.sources.read_text("utf-8").splitlines() if options.sources else model.header["examples"]
    texts = (examples * options.sentences)[: options.sentences]
    compare_decoding(model, registry, texts, options.rounds)
    compare_first_word(options.model, texts[0], options.rounds)
    compare_training(torch_module(model, registry), options.rounds)


if __name__ == "__main__":
    main()
