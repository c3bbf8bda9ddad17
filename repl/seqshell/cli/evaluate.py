"""`seqshell evaluate` and `seqshell compare`: their options and output. torch is imported only to compute.

The caller adds the options that all subcommands share: --json, --device, --seed, -p, --no-plugins.
"""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.cli.progress import json_text, print_json, registry_for_command, results_of
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
    """Add the options of `seqshell evaluate`."""
    parser.add_argument("model", metavar="MODEL", help="a checkpoint, by name or path")
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="+",
        help="a text file; SOURCE and TARGET files, or one file with a tab between source and target; a table of texts "
        "and labels, or a folder of LABEL.txt files; a table of numbers",
    )
    parser.add_argument(
        "--strategy",
        default="",
        metavar="NAME FIELD=VALUE",
        help='decoding strategy for translations, such as "beam width=5"',
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="a setting of the decoding, such as max_tokens=80",
    )
    parser.add_argument(
        "--language", metavar="CODE", help="target language, for Moses tokens; default: the ending of TARGET, else en"
    )
    parser.add_argument(
        "--text-column", default="", metavar="NAME", help="column of the texts; default: as in training"
    )
    parser.add_argument(
        "--label-column", default="", metavar="NAME", help="column of the labels; default: as in training"
    )
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="evaluate a classifier on the part of its training data that was held out",
    )
    parser.add_argument(
        "--training",
        default="",
        metavar="DATA",
        help="data to train a classifier's baselines on; default: cross-validation on DATA",
    )
    parser.add_argument(
        "--rows",
        default="",
        metavar="START:END",
        help="rows of a table of numbers, from 0; default: those held out, or all",
    )
    parser.add_argument(
        "--horizons",
        default="",
        metavar="N,N",
        help="numbers of steps to forecast; default: 1, and a quarter, half and all of the model's horizon",
    )
    parser.add_argument(
        "--columns", default="", metavar="NAME,NAME", help="columns of a table of numbers; default: as in training"
    )
    parser.add_argument(
        "-o",
        metavar="FILE",
        dest="output",
        help="write the metrics (.json), a picture of them (.png), or the translations or labels (any other ending)",
    )


def evaluate_command(arguments: Namespace) -> int:
    """Evaluate a model and print tables or one JSON object. Returns 0; the caller handles SeqshellError."""
    from seqshell.models.opening import open_model
    from seqshell.training.classification.evaluation import ClassificationOptions
    from seqshell.training.evaluation import evaluate
    from seqshell.training.forecasting.evaluation import ForecastOptions
    from seqshell.training.translation.evaluation import TranslationOptions

    registry = registry_for_command(arguments.no_plugins, arguments.plugins)
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
        _PRINT[model.task](evaluation.values)
    return 0


def _check_output(path: Path, model: Model) -> None:
    """Raise a SeqshellError, before the work, if the evaluation cannot be written to `path`."""
    from seqshell.training.pictures import check_picture

    if not path.absolute().parent.is_dir():
        raise UsageError(f"-o: no folder {path.parent}")
    if path.suffix.lower() == ".png":
        if model.task is Task.GENERATE:
            raise UsageError(f"-o: there is no picture for a language model; end {path.name} in .json for the metrics")
        check_picture(path)


def _write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write a picture (.png), the metrics (.json, or if there are no answers), or the answers."""
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


def _print_language(measured: dict[str, Any]) -> None:
    from seqshell.training.language.evaluation import metrics_table

    data = measured["data"]
    print(safe(f"{measured['model']} on {data['name']}, {data['items']:,} characters"))
    print(plain(metrics_table(measured)))
    print(f"{measured['tokens_per_second']:,.0f} tokens/s")


def _print_translation(measured: dict[str, Any]) -> None:
    from seqshell.training.translation.metrics import lengths_table, metrics_table

    data = measured["data"]
    names = data["name"] if isinstance(data["name"], str) else " and ".join(data["name"])
    print(safe(f"{measured['model']} on {names}, {data['items']:,} pairs, by {measured['strategy']}"))
    print(plain(metrics_table(measured)))
    print(plain(lengths_table(measured)))
    if measured["failed"]:
        print(f"{measured['failed']:,} sentences could not be read and have empty translations")
    print(f"{measured['sentences_per_second']:,.1f} sentences/s, {measured['tokens_per_second']:,.0f} tokens/s")


def _print_classification(measured: dict[str, Any]) -> None:
    from seqshell.training.classification import tables

    data = measured["data"]
    which = "held-out texts" if data.get("held_out") else "texts"
    print(
        safe(f"{measured['model']} on {data['name']}, {data['items']:,} {which}; {measured['nats']:.4f} nats per text")
    )
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for table in tables.tables(measured, width):
        print(safe(plain(table) or ""))
    print(safe(f"baselines trained on {measured['baselines_from']}"))
    if measured["failed"]:
        print(f"{measured['failed']:,} texts could not be read and are counted as wrong")
    print(f"{measured['tokens_per_second']:,.0f} tokens/s")


def _print_forecast(measured: dict[str, Any]) -> None:
    from seqshell.training.forecasting.metrics import interval_summary, metrics_table

    data = measured["data"]
    rows = f"{data['items']:,} rows from row {data['rows'][0]:,} (counted from 0)"
    print(safe(f"{measured['model']} on {data['name']}, {rows}"))
    print(safe(plain(metrics_table(measured["model"], measured)) or ""))
    if "covered" in measured:
        print(interval_summary(measured))
    print(f"{measured['tokens_per_second']:,.0f} rows/s")


_PRINT = {
    Task.GENERATE: _print_language,
    Task.TRANSLATE: _print_translation,
    Task.CLASSIFY: _print_classification,
    Task.FORECAST: _print_forecast,
}


def _setting(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not equals:
        raise UsageError(f"--set needs NAME=VALUE, not {argument!r}")
    return name.strip(), value


def add_compare_arguments(parser: ArgumentParser) -> None:
    """Add the options of `seqshell compare`."""
    parser.add_argument(
        "names", metavar="MODEL|RECIPE", nargs="+", help="language models, and recipes, which are trained first"
    )
    parser.add_argument(
        "--data",
        default="",
        metavar="FILE",
        help="text for all, instead of the recipes' own; its end is used for evaluation",
    )
    parser.add_argument(
        "--test", default="", metavar="FILE", help="text for evaluation; recipes are then trained on all of FILE"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change a setting in every recipe, such as training.epochs=3",
    )
    parser.add_argument("--train", action="store_true", help="train a recipe even if a model with its name exists")


def compare_command(arguments: Namespace) -> int:
    """Train the recipes, evaluate all models on one text, and print one table or JSON object.

    Returns 0, or 128 + the number of the signal that stopped it; the caller handles SeqshellError.
    """
    from seqshell.training.language.comparison import ComparisonOptions, compare

    overrides = [*arguments.overrides, *([f"training.seed={arguments.seed}"] if arguments.seed is not None else [])]
    names, device = tuple(arguments.names), arguments.device or "auto"
    options = ComparisonOptions(names, arguments.data, arguments.test, tuple(overrides), arguments.train, device)
    with first_signal() as received:
        registry = registry_for_command(arguments.no_plugins, arguments.plugins)
        found = list(results_of(compare(options, registry, stopped=lambda: bool(received))))
    for comparison in found:
        if arguments.json:
            print_json(comparison.values)
        else:
            print(safe(plain(comparison.table) or ""))
    return 128 + received[0] if received else 0
