"""Train language models with every recurrent cell on one text, with equal parameters, and compare them.

    python tests/benchmarks/compare_cells.py TEXT --out FOLDER [--parameters 250000] [--updates 150] [--seconds 30]
                                             [--characters N] [--only NAME ...]

Each model has about the same number of parameters, in two layers. It is trained with one thread until it has done
`updates` updates and used `seconds` of CPU time of this process, whichever takes longer, and saved at both points: the
first compares them after the same tokens, the second after the same time. CPU time instead of minutes, so that other
programs on the machine change little. `seqshell compare` then measures all of them on the last tenth of the text.

FOLDER keeps the checkpoints and results.jsonl, and a second call continues with the cells that are missing. AdamW with
a learning rate of 4e-3 after a warm-up of 20 updates, clipping at 1, batches of 16 x 128 tokens with carried states. A
moving average of the weights is what is saved. `characters` limits the text on which all are measured.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import seqshell
from seqshell.core.plugin_api import build
from seqshell.core.state import map_leaves
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Policy, Registry, resolve
from seqshell.host.builtin import load_registry
from seqshell.training.language.comparison import Comparison, ComparisonOptions, compare

ROWS, STEPS = 16, 128  # of a batch
LEARNING_RATE, WARM_UP, AVERAGED = 4e-3, 20, 0.98
POINTS = ("tokens", "time")  # at which a model is saved
STACKED = ("lstm", "gru")
HEADED = ("mlstm", "slstm", "mamba2", "rwkv7")
OWN_MLP = ("mamba2",)  # without an MLP, as in the paper
NAMES = (*STACKED, "mingru", "minlstm", "rg_lru", "mlstm", "slstm", "mamba2", "rwkv7")


def settings(name: str, size: int) -> dict[str, Any]:
    """The settings of an architecture in one width, a multiple of 4."""
    if name in STACKED:
        return {"embed_size": size // 2, "hidden_size": size, "num_layers": 2}
    found = {"embed_size": size, "num_layers": 2, "mlp_size": 0 if name in OWN_MLP else 2 * size}
    if name == "mamba2":
        return found | {"num_heads": 8, "head_size": size // 4, "state_size": 32}
    return found | ({"num_heads": 4, "head_size": size // 4} if name in HEADED else {"hidden_size": size})


def new_module(registry: Registry, name: str, vocab_size: int, parameters: int) -> Any:
    """A new module whose number of parameters is the nearest to what is asked for."""
    offered = registry.lookup("architecture", name)

    def made(size: int) -> Any:
        return resolve(offered.model)(
            build(resolve(offered.config), {"vocab_size": vocab_size, **settings(name, size)})
        )

    with torch.device("meta"):
        size = min(range(8, 1024, 4), key=lambda each: abs(count(made(each)) - parameters))
    torch.manual_seed(0)
    return made(size)


def count(module: Any) -> int:
    return sum(weight.numel() for weight in module.parameters())


def batches(ids: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor, bool]]:
    """Inputs and targets [B, T] of parallel streams, without end, and whether the streams begin anew."""
    length = (len(ids) - 1) // ROWS
    streams, targets = (ids[shift : shift + ROWS * length].view(ROWS, length) for shift in (0, 1))
    while True:
        for start in range(0, length - STEPS + 1, STEPS):
            steps = slice(start, start + STEPS)
            yield streams[:, steps], targets[:, steps], start == 0


def trained(module: Any, ids: torch.Tensor, updates: int, seconds: float) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Train, and yield each point with the averaged module and what was used."""
    average = copy.deepcopy(module)
    optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / WARM_UP))
    state, used, missing = None, 0.0, list(POINTS)
    for number, (inputs, targets, is_first) in enumerate(batches(ids), 1):
        begun = time.process_time()
        if is_first:
            state = module.initial_state(ROWS)
        logits, state = module(inputs, map_leaves(torch.Tensor.detach, state))
        functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        kept = min(AVERAGED, number / (number + 10))
        with torch.no_grad():
            for mean, weight in zip(average.parameters(), module.parameters(), strict=True):
                mean.lerp_(weight, 1 - kept)
        used += time.process_time() - begun
        reached = {"tokens": number >= updates, "time": used >= seconds}
        for point in [each for each in missing if reached[each]]:
            missing.remove(point)
            yield point, copy.deepcopy(average).eval(), {"updates": number, "cpu_seconds": round(used, 2)}
        if not missing:
            return


def main() -> None:
    """Train what is missing, measure it and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parameters", type=int, default=250_000)
    parser.add_argument("--updates", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--characters", type=int)
    parser.add_argument("--only", nargs="+", default=NAMES, choices=NAMES, metavar="NAME")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    registry = load_registry(Policy(no_plugins=True))
    chosen.out.mkdir(parents=True, exist_ok=True)
    results = chosen.out / "results.jsonl"
    text = chosen.text.read_text("utf-8")
    tokenizer, split = CharTokenizer("".join(sorted(set(text)))), len(text) * 9 // 10
    held_out = chosen.out / "held-out.txt"
    held_out.write_text(text[split:][: chosen.characters], "utf-8")
    ids = torch.from_numpy(np.asarray(tokenizer.encode(text[:split]), np.int64))
    budget = {name: vars(chosen)[name] for name in ("parameters", "updates", "seconds", "characters")}
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    rows = [row for row in rows if row["budget"] == budget]
    for name in [each for each in chosen.only if each not in {row["name"] for row in rows}]:
        module = new_module(registry, name, tokenizer.size, chosen.parameters)
        row: dict[str, Any] = {"name": name, "budget": budget, "parameters": count(module)}
        list(trained(copy.deepcopy(module), ids, 1, 0))  # so that nothing is compiled while time is measured
        for point, average, used in trained(module, ids, chosen.updates, chosen.seconds):
            seqshell.save_checkpoint(
                chosen.out / f"{name}-{point}.safetensors",
                architecture=name,
                module=average,
                tokenizer=tokenizer,
                registry=registry,
                config=average.config,
            )
            row[point] = used
        for point, found in measured(
            [chosen.out / f"{name}-{point}.safetensors" for point in POINTS], held_out, registry
        ):
            row[point] |= found
        rows.append(row)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(table(rows), flush=True)
    print(table(rows))


def measured(paths: list[Path], text: Path, registry: Registry) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each point: the nats per character on the text, and the tokens that the decoder steps through in a second."""
    *_, last = compare(ComparisonOptions(tuple(map(str, paths)), test=str(text)), registry)
    assert isinstance(last, Comparison)
    for point, row in zip(POINTS, last.values["models"], strict=True):
        yield point, {"nats": row["nats"]["carry"], "tokens_per_second": row["tokens_per_second"]}


def table(rows: list[Mapping[str, Any]]) -> str:
    """A table in Markdown, the best after the same time first."""
    head = "| cell | parameters | nats after the same tokens | CPU seconds | nats after the same time | updates |\n"
    head += "|---|---|---|---|---|---|\n"
    return head + "\n".join(
        f"| {row['name']} | {row['parameters']:,} | {row['tokens']['nats']:.3f} | {row['tokens']['cpu_seconds']:.1f} "
        f"| {row['time']['nats']:.3f} | {row['time']['updates']:,} |"
        for row in sorted(rows, key=lambda row: row["time"]["nats"])
    )


if __name__ == "__main__":
    main()
