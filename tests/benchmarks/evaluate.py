"""Characters per second of `seqshell evaluate shakespeare`, over torch's way, which it used before.

    python tests/benchmarks/evaluate.py [--characters 20000] [--rounds 7] FILE

The last characters of a text, such as tinyshakespeare's input.txt; both protocols, carried and reset every 256
characters. Both ways use all cores and take turns; the medians of the rounds are compared. The difference of their
bits per character is printed, too. The compiled steps are compiled first if they are not yet.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported, as the program does

import argparse
import sys
from pathlib import Path
from statistics import median

import numpy as np

from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.kernels import compile
from seqshell.models.opening import open_model
from seqshell.training.data.text import encode
from seqshell.training.language import measuring

TARGET = 3.0
WAYS = {"compiled": ("auto", "cpu"), "torch": ()}  # devices for which measuring uses a decoder's own surprisals


def main() -> int:
    """Print the rates; returns 1 if the target is not reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--characters", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if compile.main():
        return 1
    registry = load_registry(Policy(no_plugins=True))
    model = open_model("shakespeare", registry)
    text = options.file.read_text("utf-8")[-options.characters :]
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    bits = {}
    for number in range(options.rounds + 1):
        for way, measuring.OWN in WAYS.items():
            some = text if number else text[:2000]  # the first round only warms up
            ids = np.asarray(encode(model.tokenizer, some))
            found = measuring.measure(model, ids, measuring.text_sizes(some), registry, "cpu")
            bits[way] = found["bits_per_char"]
            if number:
                rates[way].append(found["tokens_per_second"])
    for way, measured in rates.items():
        print(f"{way:9} {median(measured):9,.0f} characters/s, best {max(measured):9,.0f}")
    pairs = zip(rates["compiled"], rates["torch"], strict=True)
    ratio = median(own / other for own, other in pairs)
    apart = max(abs(value - bits["torch"][protocol]) for protocol, value in bits["compiled"].items())
    print(f"evaluate over torch: {ratio:.2f}x (target {TARGET:g}x); bits per character differ by {apart:.1g}")
    return int(ratio < TARGET)


if __name__ == "__main__":
    sys.exit(main())
