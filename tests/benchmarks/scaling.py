"""How the cost grows with tokens, hidden size, vocabulary, beam, lines, cores and workers: a table and a picture.

    python tests/benchmarks/scaling.py [PART ...] [--rounds 7] [--kept FILE.json] [-o docs/scaling.svg]

tokens       a session that generates N tokens, 2 layers of 256, V=65: microseconds a token
hidden       the same by hidden size
vocabulary   the same by vocabulary, 256 hidden units
beam         one sentence of german-english, in batches of 32: milliseconds by width
lines        N lines of german-english together, greedy, on one core and on all: milliseconds a line
workers      seqshell bulk translate, greedy, by number of processes: lines a second, without their start

The points of a part take turns, and the medians of the rounds count. Sentences: those of the German test set of
Multi30k in --sources FILE, else some of the model's examples. --kept: a file to which the parts are added, so that they
can be measured one by one. Needs matplotlib for the picture.
"""

from __future__ import annotations

import os

# Before numpy is imported, because OpenBLAS reads them only once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from seqshell import EOS, Model, Session, Task
from seqshell.bulk.job import Job
from seqshell.bulk.lines import batches
from seqshell.bulk.pool import Pool
from seqshell.core import threads
from seqshell.core.sampling import Request, Stop
from seqshell.core.threads import available_cores
from seqshell.core.tokenizers import CharTokenizer
from seqshell.decoding.batched import answers
from seqshell.decoding.beam import Beam
from seqshell.decoding.strategies import Greedy
from seqshell.host import Policy, Registry
from seqshell.host.builtin import load_registry
from seqshell.models.building import build_decoder
from seqshell.models.opening import open_model

TRANSLATOR = "german-english"
LONGEST = 80  # tokens of a translation
OPEN = ExitStack()  # closed at the end
Point = Callable[[], float]  # measures once


@cache
def registry() -> Registry:
    return load_registry(Policy(no_plugins=True))


@cache
def language_model(size: int, vocab_size: int) -> Model:
    """Two LSTM layers with random weights."""
    import torch

    from seqshell_recurrent.config import LSTMConfig
    from seqshell_recurrent.language_models import LSTMLanguageModel

    torch.manual_seed(0)
    module = LSTMLanguageModel(LSTMConfig(vocab_size, embed_size=size, hidden_size=size))
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    architecture = registry().lookup("architecture", "lstm")
    decoder = build_decoder(architecture, module.config, weights)
    tokenizer = CharTokenizer("".join(map(chr, range(0x10000, 0x10000 + vocab_size))))
    return Model("random", Task.GENERATE, "lstm", decoder, tokenizer, "random")


def generating(size: int, vocab_size: int, length: int) -> Point:
    def run() -> float:
        """Microseconds a token."""
        session = Session(language_model(size, vocab_size), samplers=registry().samplers)
        start = time.perf_counter()
        for _ in session.generate(length, temperature=0.8):
            pass
        return (time.perf_counter() - start) / length * 1e6

    return run


def translating(sources: Sequence[str], width: int, num_threads: int = 1) -> Point:
    model = open_model(TRANSLATOR, registry())
    ids = [[*model.source_tokenizer.encode(text), EOS] for text in sources]
    request = Request(Stop(LONGEST, frozenset([EOS])), excluded=frozenset([0, 1, 3]), keeps_states=False)
    strategy = Beam(width) if width > 1 else Greedy()

    def run() -> float:
        """Milliseconds a sentence."""
        start = time.perf_counter()
        for _ in answers(model.decoder, ids, strategy, request, num_threads=num_threads):
            pass
        return (time.perf_counter() - start) / len(ids) * 1e3

    return run


def in_bulk(sources: Sequence[str], workers: int) -> Point:
    file = Path(tempfile.mkdtemp(prefix="seqshell-scaling-")) / "in"
    file.write_text("".join(f"{text}\n" for text in sources), "utf-8")
    pool = Pool(Job("translate", TRANSLATOR, strategy="greedy"), workers, workers)
    OPEN.enter_context(pool)

    def run() -> float:
        """Lines a second."""
        start = time.perf_counter()
        for _ in pool.results(batches([str(file)])):
            pass
        return len(sources) / (time.perf_counter() - start)

    return run


def parts(sources: Sequence[str]) -> Mapping[str, tuple[str, str, Callable[[], dict[str, dict[int, Point]]]]]:
    """Of each part: what grows, what is measured, and the points by curve."""
    cores = available_cores()
    return {
        "tokens": (
            "tokens",
            "us a token",
            lambda: {"2x256": {n: generating(256, 65, n) for n in (50, 200, 1000, 4000)}},
        ),
        "hidden": (
            "hidden units",
            "us a token",
            lambda: {"2 layers": {n: generating(n, 65, 200) for n in (64, 128, 256, 512, 1024)}},
        ),
        "vocabulary": (
            "vocabulary",
            "us a token",
            lambda: {"2x256": {n: generating(256, n, 100) for n in (65, 1000, 8000, 32000)}},
        ),
        "beam": (
            "beam width",
            "ms a sentence",
            lambda: {TRANSLATOR: {n: translating(sources[:32], n) for n in (1, 2, 5, 10, 20)}},
        ),
        "lines": (
            "lines",
            "ms a line",
            lambda: {
                f"{count} core{'s' * (count > 1)}": {n: translating(sources[:n], 1, count) for n in (1, 4, 16, 64, 256)}
                for count in dict.fromkeys((1, cores))
            },
        ),
        "workers": (
            "workers",
            "lines a second",
            lambda: {"bulk translate": {n: in_bulk(sources[:512], n) for n in range(1, cores + 1)}},
        ),
    }


def measured(points: Mapping[str, Mapping[int, Point]], rounds: int) -> dict[str, dict[int, float]]:
    """The medians, by curve and point; one round before them warms up."""
    seen: dict[tuple[str, int], list[float]] = {(name, n): [] for name, curve in points.items() for n in curve}
    for number in range(rounds + 1):
        for (name, n), values in seen.items():
            value = points[name][n]()
            if number:
                values.append(value)
    return {name: {n: median(seen[name, n]) for n in curve} for name, curve in points.items()}


def draw(kept: Mapping[str, Any], path: str) -> None:
    """One panel for each part."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams |= {"svg.hashsalt": "seqshell", "font.size": 8}
    from matplotlib import pyplot

    columns = 3
    figure, axes = pyplot.subplots(-(-len(kept) // columns), columns, figsize=(9, 2.6 * -(-len(kept) // columns)))
    for place, axis in zip(axes.flat, axes.flat, strict=True):
        place.set_visible(False)
        del axis
    for axis, (name, part) in zip(axes.flat, kept.items(), strict=False):
        axis.set_visible(True)
        for label, curve in part["curves"].items():
            axis.plot([int(n) for n in curve], list(curve.values()), marker="o", markersize=3, label=label)
        if name != "workers":
            axis.set_xscale("log", base=2)
            axis.set_xticks([int(n) for n in curve], list(curve))
            axis.minorticks_off()
        else:
            axis.set_xticks([int(n) for n in curve])
        axis.set_ylim(bottom=0)
        axis.set_xlabel(part["grows"])
        axis.set_ylabel(part["unit"].replace("us", "µs"))
        axis.set_title(name)
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


def table(kept: Mapping[str, Any]) -> str:
    """The numbers in Markdown."""
    lines = ["| part | curve | unit | values |", "|---|---|---|---|"]
    for name, part in kept.items():
        for label, curve in part["curves"].items():
            values = ", ".join(f"{n}: {value:.3g}" for n, value in curve.items())
            lines.append(f"| {name} | {label} | {part['unit']} by {part['grows']} | {values} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sources", default="", metavar="FILE")
    parser.add_argument("--kept", default="", metavar="FILE.json")
    parser.add_argument("-o", dest="picture", default="", metavar="FILE")
    arguments = parser.parse_args()
    examples = open_model(TRANSLATOR, registry()).header["examples"]
    texts = Path(arguments.sources).read_text("utf-8").splitlines() if arguments.sources else examples * 256
    texts = (texts * 2048)[:2048]
    threads.use_one_core()  # the points say how many threads they use
    known = parts(texts)
    kept: dict[str, Any] = {}
    if arguments.kept and Path(arguments.kept).exists():
        kept = json.loads(Path(arguments.kept).read_text())
    for name in arguments.parts or ([] if kept else known):
        grows, unit, points = known[name]
        kept[name] = {"grows": grows, "unit": unit, "curves": measured(points(), arguments.rounds)}
        if arguments.kept:
            Path(arguments.kept).write_text(json.dumps(kept))
    kept = json.loads(json.dumps(kept))  # the numbers as texts, as they are kept
    kept = {name: kept[name] for name in known if name in kept}
    print(table(kept))
    if arguments.picture:
        draw(kept, arguments.picture)
    return 0


if __name__ == "__main__":
    with OPEN:
        code = main()
    sys.exit(code)
