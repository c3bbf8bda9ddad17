"""The campaign on all other files that a user names or keeps: each is damaged, then read and used.

    python -m tests.campaigns.files --seed 1 --count 20000 --jobs 2

Recipes, texts, pairs and tables to train on, files for the commands of the shell, weights of other programs, resume
files, config.toml and the history of lines. A damaged file is refused in one line, or it can be used: training takes
steps, an import can be opened, and the shell answers.
"""

from __future__ import annotations

import random
import sys
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import save
from tests.campaigns.campaign import Campaign, trouble_of
from tests.campaigns.damage import damage_bytes, damage_json, damaged
from tests.campaigns.parts.damaged_lines import damage_lines
from tests.campaigns.parts.file_samples import CONFIG, DATA, LINES, MAP, RECIPES, SMALL, SMALL_MODEL

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Progress
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models.explaining import explain
from seqshell.models.foreign_models import Given
from seqshell.models.importing import import_model
from seqshell.models.opening import open_model
from seqshell.shell.shell import Shell
from seqshell.shell.startup import Options, build_shell
from seqshell.terminal.history import LineHistory
from seqshell.testing import tiny_checkpoint
from seqshell.testing.task_examples import task_example
from seqshell.training.loop import train
from seqshell.training.memory import estimate_memory
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import read_recipe, recipe_from
from seqshell.training.recipes.toml import to_toml
from seqshell.training.run import Run

REGISTRY = load_registry(Policy(no_plugins=True))
MAX_TRAINED = 50_000_000  # bytes; a recipe that asks for more is only prepared


def _weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    parts = {"encoder": torch.nn.Embedding(7, 5), "rnn": torch.nn.RNN(5, 6), "decoder": torch.nn.Linear(6, 7)}
    return {f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()}


def _pickled(value: Any) -> bytes:
    with TemporaryDirectory() as folder:
        torch.save(value, path := Path(folder) / "x.pt")
        return path.read_bytes()


def _resume_files() -> dict[str, bytes]:
    """A resume file for each recipe, written in the middle of the training."""
    found = {}
    with TemporaryDirectory() as folder:
        for name, tables in RECIPES.items():
            _write_data(Path(folder))
            run = Run(prepare(recipe_from(tables, name=name, folder=Path(folder)), REGISTRY), Path(folder) / "x.run")
            list(run.epochs(lambda run=run: run.progress.batch == 2))
            run.write()
            found[name] = run.resume_file.read_bytes()
    return found


def _write_data(folder: Path, **changed: bytes) -> None:
    for name, data in {**DATA, **changed}.items():
        (folder / name).write_bytes(data)


torch.set_num_threads(1)
IMPORTS = {
    "x.safetensors": save(_weights()),
    "x.pt": _pickled(_weights()),
    "y.pt": _pickled({"model": _weights(), "epoch": 3}),
}
RESUME = _resume_files()
SHELLS = {task: task_example(task).model() for task in LINES}


def check(draws: random.Random, folder: Path) -> str | None:
    """Damage a file, and use it."""
    kind = draws.choice((recipe, data, data, shell_file, shell_file, imported, resumed, config, history))
    change, use = kind(draws)
    try:
        reason = use()
    except SeqshellError as error:
        reason = trouble_of(error)
    except Exception as error:
        raise RuntimeError(f"{kind.__name__}, {change}: {type(error).__name__}: {error}") from error
    return f"{kind.__name__}, {change}: {reason}" if reason else None


Case = tuple[str, Callable[[], str | None]]


def recipe(draws: random.Random) -> Case:
    """A recipe, damaged as text or as tables."""
    name = draws.choice(list(RECIPES))
    change = ""
    text = to_toml(RECIPES[name]).encode()
    if draws.random() < 0.7:
        tables: Any = RECIPES[name]
        for _ in range(draws.choice((1, 1, 2))):
            tables, one = damage_json(draws, tables) if isinstance(tables, dict) else (tables, "")
            change += f"{one}; "
        try:
            text = to_toml(tables).encode("utf-8", "surrogatepass")
        except Exception:  # not every JSON value is one of TOML
            text, change = damage_bytes(draws, text)
    else:
        text, change = draws.choice((damage_bytes, damage_lines))(draws, text)
    path = Path("damaged.toml")

    def use() -> None:
        _write_data(Path())
        path.write_bytes(text)
        _train(read_recipe(path))

    return f"{name} {change}", use


def data(draws: random.Random) -> Case:
    """A file to train on, with a recipe or without one."""
    name = draws.choice(list(DATA))
    changed, change = draws.choice((damage_bytes, damage_lines, damage_lines))(draws, DATA[name])
    has_recipe = draws.random() < 0.5

    def use() -> None:
        _write_data(Path(), **{name: changed})
        if has_recipe:
            tables = next(tables for tables in RECIPES.values() if name in str(tables["data"].values()))
            _train(recipe_from(tables, name="damaged", folder=Path()))
        else:
            _train(load_recipe(f"./{name}", [*SMALL, *SMALL_MODEL[name]]))

    return f"{name} {change}{'' if has_recipe else ' without a recipe'}", use


def _train(recipe: Any) -> None:
    """Take two steps, and keep the model."""
    if estimate_memory(prepare(recipe, REGISTRY)).total > MAX_TRAINED:
        return
    done = 0

    def stopped() -> bool:
        return done >= 3

    with closing(train(recipe, REGISTRY, Path("out.safetensors"), stopped=stopped)) as events:
        for event in events:
            done += isinstance(event, Progress)
    if Path("out.safetensors").exists():
        open_model("./out.safetensors", REGISTRY)


def shell_file(draws: random.Random) -> Case:
    """A file for a command of the shell."""
    task, name = draws.choice(list(LINES)), draws.choice(list(DATA))
    changed, change = draws.choice((damage_bytes, damage_lines))(draws, DATA[name][:1000])
    line = draws.choice(LINES[task]).format(name)

    def use() -> None:
        Path(name).write_bytes(changed)
        shell = Shell(REGISTRY)
        shell.workspace.add(SHELLS[task])
        _run(shell, "/set max_tokens 3")
        try:
            _run(shell, line)
        finally:
            _run(shell, "/info")
            _run(shell, "/save ./session.safetensors")

    return f"{line} {change}", use


def imported(draws: random.Random) -> Case:
    """Weights of another program, or their map."""
    name = draws.choice(list(IMPORTS))
    weights, text = IMPORTS[name], MAP
    if draws.random() < 0.7:
        weights, change = damage_bytes(draws, weights)
    else:
        text, change = draws.choice((damage_bytes, damage_lines))(draws, text)
        name = "x.safetensors" if name == "y.pt" else name
        weights = IMPORTS[name]

    def use() -> None:
        Path(name).write_bytes(weights)
        Path("map.toml").write_bytes(text)
        given = Given.read(Path("map.toml"), None, allow_pt=True)
        explain(Path(name), given, REGISTRY, [].append)
        done = import_model(Path(name), REGISTRY, given=given, out="./out.safetensors", warn=[].append)
        shell = Shell(REGISTRY)
        _run(shell, f"/load {done.path}")
        _run(shell, "/set max_tokens 3")
        _run(shell, "abc")

    return f"{name} {change}", use


def resumed(draws: random.Random) -> Case:
    """A resume file."""
    name = draws.choice(list(RECIPES))
    content, change = damaged(draws, RESUME[name], RESUME)

    def use() -> None:
        _write_data(Path())
        run = Run(prepare(recipe_from(RECIPES[name], name=name, folder=Path()), REGISTRY), Path("x.run"))
        run.folder.mkdir()
        run.resume_file.write_bytes(content)
        run.restore()
        begun = run.progress.done
        list(run.epochs(lambda: run.progress.done >= begun + 3))
        run.write()

    return f"{name} {change}", use


def config(draws: random.Random) -> Case:
    """The user's config.toml: a mistake costs its setting, and the shell answers."""
    if draws.random() < 0.5:
        tables, change = damage_json(draws, tomllib.loads(CONFIG.decode()))
        try:
            text = to_toml(tables).encode("utf-8", "surrogatepass")
        except Exception:
            text, change = damage_lines(draws, CONFIG)
    else:
        text, change = draws.choice((damage_bytes, damage_lines))(draws, CONFIG)

    def use() -> str | None:
        Path("home").mkdir()
        Path("home/config.toml").write_bytes(text)
        shell = build_shell(Options(model=str(tiny_checkpoint("tiny.safetensors")), no_plugins=True))
        notes = [notice.text for notice in shell.take_notices()]
        for line in ("/set max_tokens 3", "abc", "/set", "/undo"):
            _run(shell, line)
        return next((reason for note in notes if (reason := trouble_of(SeqshellError(note)))), None)

    return change, use


def history(draws: random.Random) -> Case:
    """The history of lines: what is whole is read, and a new line is kept."""
    whole = b'"first"\n"/undo"\n"two\\nlines"\n"\\u00e9"\n'
    text, change = draws.choice((damage_bytes, damage_lines))(draws, whole)

    def use() -> str | None:
        path = Path("home/history")
        path.parent.mkdir()
        path.write_bytes(text)
        found = LineHistory(lambda: path)
        before = list(found.load_history_strings())
        found.store_string("new\n\ud800")
        after = list(found.load_history_strings())
        return None if after[:1] == ["new\n\ud800"] and after[1:] == before else f"{before} became {after}"

    return change, use


def _run(shell: Shell, line: str) -> None:
    for _ in shell.handle(line):
        pass


CAMPAIGN = Campaign("files", "a damaged file is refused in one line, or used", check)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
