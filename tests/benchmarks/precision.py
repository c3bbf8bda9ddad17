"""Tokens per second of a session with weights in bf16 and int8 over float32, in one thread, and the error of logits.

    python tests/benchmarks/precision.py [--sizes 512] [--rounds 7] [--seconds 0.3] [--cpu]

The models and the session are those of decoding.py, at temperature 0.8. The contenders take turns, and the medians of
the rounds are compared.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch

from decoding import TEMPERATURE, V, backends, in_session, speeds
from seqshell.core.precisions import PRECISIONS
from seqshell.models.precision import logit_error
from seqshell_recurrent.config import LSTMConfig
from seqshell_recurrent.language_models import LSTMLanguageModel

OVER_FLOAT32 = {512: {"bf16": 1.7, "int8": 3.0}}  # targets


def measure(size: int, rounds: int, seconds: float, clock: object) -> bool:
    """Print the results for one size and return whether every target is met."""
    torch.manual_seed(0)
    module = LSTMLanguageModel(LSTMConfig(V, embed_size=size, hidden_size=size)).eval()
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    exact = backends()["compiled"](module.config, weights)
    decoders = {precision: exact.in_precision(precision) for precision in PRECISIONS}
    contenders = {precision: in_session(decoder, "") for precision, decoder in decoders.items()}
    seen, met = speeds(contenders, rounds, seconds, clock), True
    print(f"\nhidden {size}, 2 layers, V={V}, session at temperature={TEMPERATURE}")
    for precision, speed in seen.items():
        ratio, wanted = speed / seen[PRECISIONS[0]], OVER_FLOAT32.get(size, {}).get(precision, 0.0)
        met = met and ratio >= wanted
        target = f"   target {wanted:g}x: {'met' if ratio >= wanted else 'MISSED'}" if wanted else ""
        print(f"  {precision:<8} {speed:>9,.0f}/s {ratio:>6.2f}x float32{target}")
        if precision != PRECISIONS[0]:
            print(f"           {logit_error(exact, decoders[precision])}")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="512")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each contender in each round")
    parser.add_argument("--cpu", action="store_true", help="count processor time instead of wall time")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    clock = time.process_time if arguments.cpu else time.perf_counter
    met = [measure(int(size), arguments.rounds, arguments.seconds, clock) for size in arguments.sizes.split(",")]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
