"""`seqshell evaluate` and `compare`: their options, and the metrics that they print or write. Imports torch only when there is something to compute.

The options that every subcommand has (--json, --device, --seed, -p, --no-plugins) are added by the caller.
"""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.cli.progress import json_text, print_json, results_of, told_registry
from seqshell.cli.signals import first_signal
from seqshell.core.errors import UsageError
from seqshell.core.model import Task
from seqshell.core.sanitize import safe
from seqshell.core.text_output import plain
from seqshell.models.file import write_atomically

if TYPE_CHECKING:
    from seqshell.core.model import Model
    from seqshell.training.evaluation_result import Evaluation


def add_evaluate_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell evaluate`."""
    parser.add_argument("model", metavar="MODEL", help="a checkpoint, by name or path")
    labelled = "a table of texts and labels, or a folder of files LABEL.txt"
    told = f"a text; a SOURCE and a TARGET file, or one with a tab between the two; {labelled}; a table of numbers"
    parser.add_argument("data", metavar="DATA", nargs="+", help=told)
    parser.add_argument(
        "--strategy",
        default="",
        metavar="NAME FIELD=VALUE",
        help='how translations are found: "beam width=5", for instance',
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="max_tokens=80, or a field of the strategy",
    )
    parser.add_argument(
        "--language", metavar="CODE", help="of the target, for its Moses tokens; default: the ending of TARGET, else en"
    )
    parser.add_argument(
        "--text-column", default="", metavar="NAME", help="of a table of texts and labels; default: as in the training"
    )
    parser.add_argument("--label-column", default="", metavar="NAME", help="the same of the labels")
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="DATA is what a classifier was trained on: measure it on what it did not learn from",
    )
    parser.add_argument(
        "--training",
        default="",
        metavar="DATA",
        help="what the baselines of a classifier learn from; default: DATA, part by part",
    )
    parser.add_argument(
        "--rows", default="", metavar="START:END", help="of a table of numbers, from 0; default: those held out, or all"
    )
    parser.add_argument(
        "--horizons",
        default="",
        metavar="N,N",
        help="measure forecasts of so many steps; default: 1 and parts of the model's",
    )
    parser.add_argument(
        "--columns", default="", metavar="NAME,NAME", help="of a table of numbers; default: as in the training"
    )
    parser.add_argument(
        "-o",
        metavar="FILE",
        dest="output",
        help="write the metrics (.json), a picture of them (.png; not for language models), or with any other ending the translations or labels",
    )


def evaluate_command(arguments: Namespace) -> int:
    """Measure a model on data, print tables or one JSON object, and return 0. SeqshellErrors are the caller's."""
    from seqshell.models.opening import open_model
    from seqshell.training.classification.evaluation import ClassificationOptions
    from seqshell.training.evaluation import evaluate
    from seqshell.training.forecasting.evaluation import ForecastOptions
    from seqshell.training.translation.evaluation import TranslationOptions

    registry = told_registry(arguments.no_plugins, arguments.plugins)
    translation = TranslationOptions(
        arguments.strategy, tuple(map(_setting, arguments.settings)), arguments.language, arguments.seed or 0
    )
    classification = ClassificationOptions(
        arguments.text_column, arguments.label_column, arguments.held_out, arguments.training
    )
    forecast = ForecastOptions(arguments.rows, arguments.horizons, arguments.columns)
    model = open_model(arguments.model, registry)
    output = Path(arguments.output) if arguments.output else None
    if output:
        _check_output(output, model)
    device = arguments.device or "auto"
    (evaluation,) = results_of(
        evaluate(
            model,
            arguments.data,
            registry,
            device=device,
            translation=translation,
            classification=classification,
            forecast=forecast,
        )
    )
    if output:
        _write_evaluation(evaluation, output)
    if arguments.json:
        print_json(evaluation.values)
    else:
        _TELL[model.task](evaluation.values)
    return 0


def _check_output(path: Path, model: Model) -> None:
    """Raise a SeqshellError, before the work, if the evaluation cannot be written to `path`."""
    from seqshell.training.pictures import check_picture

    if not path.absolute().parent.is_dir():
        raise UsageError(f"-o: there is no folder {path.parent}")
    if path.suffix.lower() == ".png":
        if model.task is Task.GENERATE:
            raise UsageError(f"-o: there is no picture for a language model; end {path.name} in .json for the metrics")
        check_picture(path)


def _write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write the picture, the answers, or the metrics as JSON; models without answers get JSON for every ending but .png."""
    from seqshell.training.classification import tables
    from seqshell.training.forecasting import metrics as forecasting
    from seqshell.training.translation import metrics as translation

    pictures = {"translate": translation.write_png, "classify": tables.write_png, "forecast": forecasting.write_png}
    task, ending = evaluation.values["task"], path.suffix.lower()
    if ending == ".png":
        pictures[task](evaluation.values, path)
    elif evaluation.answers and ending != ".json":
        write_atomically(path, "".join(line + "\n" for line in evaluation.answers).encode())
    else:
        write_atomically(path, (json_text(evaluation.values) + "\n").encode())


def _tell_text(measured: dict[str, Any]) -> None:
    from seqshell.training.language.evaluation import metrics_table

    data = measured["data"]
    print(safe(f"{measured['model']} on {data['name']}, {data['items']:,} characters"))
    print(plain(metrics_table(measured)))
    print(f"{measured['tokens_per_second']:,.0f} tokens/s")


def _tell_translation(measured: dict[str, Any]) -> None:
    from seqshell.training.translation.metrics import lengths_table, metrics_table

    data = measured["data"]
    names = data["name"] if isinstance(data["name"], str) else " and ".join(data["name"])
    print(safe(f"{measured['model']} on {names}, {data['items']:,} pairs, by {measured['strategy']}"))
    print(plain(metrics_table(measured)))
    print(plain(lengths_table(measured)))
    if measured["failed"]:
        print(f"{measured['failed']:,} sentences could not be read; their translations are empty")
    print(f"{measured['sentences_per_second']:,.1f} sentences/s, {measured['tokens_per_second']:,.0f} tokens/s")


def _tell_classes(measured: dict[str, Any]) -> None:
    from seqshell.training.classification import tables

    data = measured["data"]
    which = " that were held out" if data.get("held_out") else ""
    print(
        safe(
            f"{measured['model']} on {data['name']}, {data['items']:,} texts{which}; {measured['nats']:.4f} nats a text"
        )
    )
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for table in tables.tables(measured, width):
        print(safe(plain(table) or ""))
    print(safe(f"the baselines learnt from {measured['baselines_from']}"))
    if measured["failed"]:
        print(f"{measured['failed']:,} texts could not be read; they count as wrong")
    print(f"{measured['tokens_per_second']:,.0f} tokens/s")


def _tell_forecasts(measured: dict[str, Any]) -> None:
    from seqshell.training.forecasting.metrics import interval_summary, metrics_table

    data = measured["data"]
    print(
        safe(
            f"{measured['model']} on {data['name']}, {data['items']:,} rows from row {data['rows'][0]:,} on, the first being 0"
        )
    )
    print(safe(plain(metrics_table(measured["model"], measured)) or ""))
    if "covered" in measured:
        print(interval_summary(measured))
    print(f"{measured['tokens_per_second']:,.0f} rows/s")


_TELL = {
    Task.GENERATE: _tell_text,
    Task.TRANSLATE: _tell_translation,
    Task.CLASSIFY: _tell_classes,
    Task.FORECAST: _tell_forecasts,
}


def _setting(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise UsageError(f"--set needs NAME=VALUE, not {word!r}")
    return name.strip(), value


def add_compare_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell compare`."""
    parser.add_argument(
        "words", metavar="MODEL|RECIPE", nargs="+", help="language models, and recipes, which are trained first"
    )
    parser.add_argument(
        "--data",
        default="",
        metavar="FILE",
        help="the text for all, instead of the recipes' own; its end is measured on",
    )
    parser.add_argument(
        "--test", default="", metavar="FILE", help="measure on this text instead, and train on all of the other"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="in every recipe: training.epochs=3",
    )
    parser.add_argument("--train", action="store_true", help="train a recipe even where there is a model of its name")


def compare_command(arguments: Namespace) -> int:
    """Train the recipes, measure all on one text, print one table or one JSON object, and return 0, or 128 + the signal that stopped it.
    SeqshellErrors are the caller's."""
    from seqshell.training.language.comparison import ComparisonOptions, compare

    overrides = [*arguments.overrides, *([f"training.seed={arguments.seed}"] if arguments.seed is not None else [])]
    words, device = tuple(arguments.words), arguments.device or "auto"
    options = ComparisonOptions(words, arguments.data, arguments.test, tuple(overrides), arguments.train, device)
    with first_signal() as received:
        registry = told_registry(arguments.no_plugins, arguments.plugins)
        found = list(results_of(compare(options, registry, stopped=lambda: bool(received))))
    for comparison in found:
        if arguments.json:
            print_json(comparison.values)
        else:
            print(safe(plain(comparison.table) or ""))
    return 128 + received[0] if received else 0
