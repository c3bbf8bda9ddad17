"""`seqshell train`, `evaluate`, `compare` and `recipes`: their options and what they print. Imports torch only when there is something to compute.

The options that every subcommand has (--json, --device, --seed, -p, --no-plugins) are added by the caller.
"""

from __future__ import annotations

import json
import math
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from seqshell import places
from seqshell.checkpoint import read_header, write_atomically
from seqshell.door import safe
from seqshell.errors import UsageError
from seqshell.events import Event, Notice, Progress
from seqshell.results import plain

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.training.pair_evaluation import Evaluation

EVERY = 5.0  # percent: how often a training tells its progress where no bar can be drawn


def add_train_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell train`."""
    parser.add_argument(
        "recipe",
        nargs="*",
        metavar="RECIPE|NAME|FILE",
        help="a recipe; a text; pairs in two columns (FILE.tsv), or in two files, source and target; a table with columns text and label",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="training.epochs=3, for instance")
    parser.add_argument("--out", metavar="NAME|PATH", help="the checkpoint; default: the recipe's name, among your models")
    parser.add_argument("--resume", action="store_true", help="go on where an earlier run of this recipe stopped")
    parser.add_argument("--defaults", action="store_true", help="print every key of a recipe with its default")
    parser.add_argument("-o", metavar="FILE.png", dest="picture", help="write the loss curve there (needs matplotlib)")


def train_command(arguments: Namespace) -> int:
    """Train and return the exit code: 0, or 128 + the signal that stopped it (after the best was kept). SeqshellErrors are the caller's.

    With --json one object about the checkpoint is all that goes to stdout.
    """
    from seqshell.training.file_recipes import load_recipe
    from seqshell.training.recipe_listing import defaults_text

    if arguments.defaults:
        print(defaults_text(), end="")
        return 0
    if not arguments.recipe:
        raise UsageError("train what? A recipe or a text file: seqshell train mytext.txt; seqshell recipes lists the recipes")
    overrides = list(arguments.overrides)
    if arguments.device is not None and arguments.device != "auto":
        overrides.append(f"training.device={json.dumps(arguments.device)}")
    if arguments.seed is not None:
        overrides.append(f"training.seed={arguments.seed}")
    recipe = load_recipe(arguments.recipe, overrides)
    out = places.place(arguments.out or recipe.name, "models")
    if out.suffix != places.ENDING:
        out = out.with_name(out.name + places.ENDING)
    picture = Path(arguments.picture) if arguments.picture else None
    registry = _registry(arguments)

    from seqshell.training.loop import train

    with _signals() as caught:
        events = train(recipe, registry, out, arguments.resume, stopped=lambda: bool(caught), picture=picture)
        show(events, sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(_rounded(_trained(out)), ensure_ascii=False))
    return 128 + caught[0] if caught else 0


def add_evaluate_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell evaluate`."""
    parser.add_argument("model", metavar="MODEL", help="a checkpoint, by name or path")
    labelled = "a table of texts and labels, or a folder of files LABEL.txt"
    told = f"a text; a SOURCE and a TARGET file, or one with a tab between the two; {labelled}; a table of numbers"
    parser.add_argument("data", metavar="DATA", nargs="+", help=told)
    parser.add_argument("--strategy", default="", metavar="NAME FIELD=VALUE", help="how translations are found: \"beam width=5\", for instance")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings", help="max_tokens=80, or a field of the strategy")
    parser.add_argument("--language", metavar="CODE", help="of the target, for its Moses tokens; default: the ending of TARGET, else en")
    parser.add_argument("--text-column", default="", metavar="NAME", help="of a table of texts and labels; default: as in the training")
    parser.add_argument("--label-column", default="", metavar="NAME", help="the same of the labels")
    parser.add_argument("--held-out", action="store_true", help="DATA is what a classifier was trained on: measure it on what it did not learn from")
    parser.add_argument("--training", default="", metavar="DATA", help="what the baselines of a classifier learn from; default: DATA, part by part")
    parser.add_argument("--rows", default="", metavar="START:END", help="of a table of numbers, from 0; default: those held out, or all")
    parser.add_argument("--horizons", default="", metavar="N,N", help="measure forecasts of so many steps; default: 1 and parts of the model's")
    parser.add_argument("--columns", default="", metavar="NAME,NAME", help="of a table of numbers; default: as in the training")
    parser.add_argument("-o", metavar="FILE", dest="output", help="the figures as JSON, or as .png; any other ending: the translations or labels")


def evaluate_command(arguments: Namespace) -> int:
    """Measure a model on data, print tables or one JSON object, and return 0. SeqshellErrors are the caller's."""
    from seqshell.models import Task
    from seqshell.opening import open_model
    from seqshell.training.class_evaluation import ClassWishes
    from seqshell.training.curve import check_picture
    from seqshell.training.evaluation import evaluate
    from seqshell.training.forecast_evaluation import SeriesWishes
    from seqshell.training.pair_evaluation import Wishes

    registry = _registry(arguments)
    wishes = Wishes(arguments.strategy, tuple(map(_setting, arguments.settings)), arguments.language, arguments.seed or 0)
    labelled = ClassWishes(arguments.text_column, arguments.label_column, arguments.held_out, arguments.training)
    series = SeriesWishes(arguments.rows, arguments.horizons, arguments.columns)
    model = open_model(arguments.model, registry)
    output = Path(arguments.output) if arguments.output else None
    if output and not output.absolute().parent.is_dir():
        raise UsageError(f"-o: there is no folder {output.parent}")
    if output and model.task in (Task.TRANSLATE, Task.CLASSIFY) and output.suffix.lower() == ".png":
        check_picture(output)
    found: list[Evaluation] = []
    with _progress_shown() as (progress, remark):
        device = arguments.device or "auto"
        for event in evaluate(model, arguments.data, registry, device=device, wishes=wishes, labelled=labelled, series=series):
            if isinstance(event, Progress):
                progress(event)
            elif isinstance(event, Notice):
                remark(safe(event.text))
            else:
                found.append(event)
    (evaluation,) = found
    text = json.dumps(_rounded(evaluation.values), ensure_ascii=False)
    if output:
        _write_evaluation(evaluation, text, output)
    if arguments.json:
        print(text)
    elif model.task is Task.TRANSLATE:
        _tell_translation(evaluation.values)
    elif model.task is Task.CLASSIFY:
        _tell_classes(evaluation.values)
    elif model.task is Task.FORECAST:
        _tell_forecasts(evaluation.values)
    else:
        _tell_text(evaluation.values)
    return 0


def _write_evaluation(evaluation: Evaluation, text: str, path: Path) -> None:
    """The picture, the answers or, as for every model that has neither, the figures. text: these in JSON."""
    from seqshell.training import class_tables, translation_figures

    pictures = {"translate": translation_figures.write_png, "classify": class_tables.write_png}
    task, ending = evaluation.values["task"], path.suffix.lower()
    if task in pictures and ending == ".png":
        pictures[task](evaluation.values, path)
    elif task in pictures and ending != ".json":
        write_atomically(path, "".join(line + "\n" for line in evaluation.answers).encode())
    else:
        write_atomically(path, (text + "\n").encode())


def _tell_text(measured: dict[str, Any]) -> None:
    from seqshell.training.evaluation import figures_table

    data = measured["data"]
    print(safe(f"{measured['model']} on {data['name']}, {data['items']:,} characters"))
    print(plain(figures_table(measured)))
    print(f"{measured['tokens_per_second']:,.0f} tokens/s")


def _tell_translation(measured: dict[str, Any]) -> None:
    from seqshell.training.translation_figures import figures_table, lengths_table

    data = measured["data"]
    names = data["name"] if isinstance(data["name"], str) else " and ".join(data["name"])
    print(safe(f"{measured['model']} on {names}, {data['items']:,} pairs, by {measured['strategy']}"))
    print(plain(figures_table(measured)))
    print(plain(lengths_table(measured)))
    if measured["failed"]:
        print(f"{measured['failed']:,} sentences could not be read; their translations are empty")
    print(f"{measured['sentences_per_second']:,.1f} sentences/s, {measured['tokens_per_second']:,.0f} tokens/s")


def _tell_classes(measured: dict[str, Any]) -> None:
    from seqshell.training import class_tables

    data = measured["data"]
    which = " that were held out" if data.get("held_out") else ""
    print(safe(f"{measured['model']} on {data['name']}, {data['items']:,} texts{which}; {measured['nats']:.4f} nats a text"))
    for table in class_tables.tables(measured):
        print(safe(plain(table) or ""))
    print(safe(f"the baselines learnt from {measured['baselines_from']}"))
    if measured["failed"]:
        print(f"{measured['failed']:,} texts could not be read; they count as wrong")
    print(f"{measured['tokens_per_second']:,.0f} tokens/s")


def _tell_forecasts(measured: dict[str, Any]) -> None:
    from seqshell.training.forecast_figures import figures_table, interval_remark

    data = measured["data"]
    print(safe(f"{measured['model']} on {data['name']}, {data['items']:,} rows from row {data['rows'][0]:,} on, the first being 0"))
    print(safe(plain(figures_table(measured["model"], measured)) or ""))
    if "covered" in measured:
        print(interval_remark(measured))
    print(f"{measured['tokens_per_second']:,.0f} rows/s")


def _setting(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise UsageError(f"--set needs NAME=VALUE, not {word!r}")
    return name.strip(), value


def add_compare_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell compare`."""
    parser.add_argument("words", metavar="MODEL|RECIPE", nargs="+", help="language models, and recipes, which are trained first")
    parser.add_argument("--data", default="", metavar="FILE", help="the text for all, instead of the recipes' own; its end is measured on")
    parser.add_argument("--test", default="", metavar="FILE", help="measure on this text instead, and train on all of the other")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help="in every recipe: training.epochs=3")
    parser.add_argument("--train", action="store_true", help="train a recipe even where there is a model of its name")


def compare_command(arguments: Namespace) -> int:
    """Train the recipes, measure all on one text, print one table or one JSON object, and return 0, or 128 + the signal that stopped it.
    SeqshellErrors are the caller's."""
    from seqshell.training.comparing import Comparison, Wanted, compare

    overrides = [*arguments.overrides, *([f"training.seed={arguments.seed}"] if arguments.seed is not None else [])]
    words, device = tuple(arguments.words), arguments.device or "auto"
    wanted = Wanted(words, arguments.data, arguments.test, tuple(overrides), arguments.train, device)
    found: list[Comparison] = []
    with _signals() as caught, _progress_shown() as (progress, remark):
        for event in compare(wanted, _registry(arguments), stopped=lambda: bool(caught)):
            if isinstance(event, Comparison):
                found.append(event)
            elif isinstance(event, Progress):
                progress(event)
            elif isinstance(event, Notice):
                remark(safe(event.text))
    for comparison in found:
        print(json.dumps(_rounded(comparison.values), ensure_ascii=False) if arguments.json else safe(plain(comparison.table) or ""))
    return 128 + caught[0] if caught else 0


def add_recipes_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell recipes`."""
    parser.add_argument("action", nargs="?", choices=["show"], help="print one recipe")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the recipe to print")


def recipes_command(arguments: Namespace) -> int:
    """List the recipes, or print one. Returns 0; SeqshellErrors are the caller's."""
    from seqshell.training.recipe_listing import describe_recipes, recipe_text

    if arguments.action == "show":
        if not arguments.name:
            raise UsageError("recipes show NAME: name a recipe; seqshell recipes lists them")
        print(safe(recipe_text(arguments.name)), end="")
        return 0
    recipes = describe_recipes()
    if arguments.json:
        print(json.dumps({"recipes": recipes}, ensure_ascii=False))
        return 0
    widths = [max((len(recipe[key]) for recipe in recipes), default=0) for key in ("name", "architecture")]
    for recipe in recipes:
        print(safe(f"{recipe['name']:<{widths[0]}}  {recipe['architecture']:<{widths[1]}}  {recipe['summary']}"))
    return 0


def show(events: Iterable[Event], results: TextIO) -> None:
    """Results to `results`, everything else to stderr: there a progress bar at a terminal, else a line now and then."""
    with _progress_shown() as (progress, remark):
        iterator = iter(events)
        for event in iterator:
            if isinstance(event, Progress):
                progress(event)
            elif isinstance(event, Notice):
                remark(safe(event.text))
            else:
                break
        else:
            return
    while True:  # the bar is gone; from here on there are results
        text = plain(event)
        if text is not None:
            print(safe(text), file=results, flush=True)
        elif isinstance(event, Notice):
            print(safe(event.text), file=sys.stderr, flush=True)
        following = next(iterator, None)
        if following is None:
            return
        event = following


@contextmanager
def _progress_shown() -> Iterator[tuple[Callable[[Progress], None], Callable[[str], None]]]:
    """How to tell progress and remarks on stderr."""
    if not sys.stderr.isatty():
        told = [-math.inf]

        def tell(event: Progress) -> None:
            percent = 100 * event.done / max(1, event.total)
            if percent - told[0] >= EVERY or event.done == event.total:
                told[0] = percent
                print(f"{event.description}: {percent:.0f} %, {event.text}", file=sys.stderr, flush=True)

        yield tell, lambda text: print(text, file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), TextColumn("{task.fields[text]}", markup=False))
    with Bar(*columns, console=Console(stderr=True, markup=False, highlight=False), transient=True) as bar:
        task = bar.add_task("", total=None, text="")
        yield (
            lambda event: bar.update(task, completed=event.done, total=event.total, description=event.description, text=event.text),
            lambda text: bar.console.print(text, markup=False, highlight=False),
        )


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Catch the first of SIGINT, SIGTERM and SIGHUP, so that a training ends between two updates; the second acts as ever."""
    caught: list[int] = []
    before = {number: signal.getsignal(number) for name in ("SIGINT", "SIGTERM", "SIGHUP") for number in [getattr(signal, name, None)] if number}

    def catch(number: int, frame: Any) -> None:
        caught.append(number)
        print("stopping after this update, the best is kept; once more to leave at once", file=sys.stderr, flush=True)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _trained(path: Path) -> dict[str, Any]:
    """What a finished training tells in JSON: the checkpoint it wrote, and how good it is by the protocols of evaluate."""
    header = read_header(path)
    provenance = header["provenance"]
    told = {"model": path.name.removesuffix(places.ENDING), "path": str(path), "task": header["task"], "parameters": header["parameters"]}
    return {**told, "epoch": provenance["epoch"], "steps": provenance["steps"], **provenance["metrics"]}


def _registry(arguments: Namespace) -> Registry:
    from seqshell.host import Policy
    from seqshell.opening import load_registry

    registry = load_registry(Policy.read(no_plugins=arguments.no_plugins, extra=arguments.plugins))
    for problem in registry.problems:
        print(f"seqshell: {safe(problem.message)}", file=sys.stderr)
    return registry


def _rounded(value: Any) -> Any:
    """Floats to 6 decimals, as everywhere in JSON; what is not finite is null."""
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
