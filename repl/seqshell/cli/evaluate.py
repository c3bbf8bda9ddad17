"""`seqshell evaluate` and `seqshell compare`: their options and output. torch is imported only to compute.

The caller adds the options that all subcommands share: --json, --device, --seed, -p, --no-plugins.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from seqshell.cli.progress import print_json, results_of
from seqshell.cli.registry import registry_for_command
from seqshell.cli.result_output import print_result
from seqshell.cli.signals import FirstSignal
from seqshell.cli.units import add_unit_argument, chosen_unit, with_bits
from seqshell.cli.unknown import add_overrides_argument, add_set_argument
from seqshell.core.atomic_write import write_atomically
from seqshell.core.capture import terminal_of
from seqshell.core.errors import UsageError
from seqshell.core.events import Progress
from seqshell.core.json_values import one_line
from seqshell.core.named_files import output_file
from seqshell.core.tasks import TASKS, task_spec

if TYPE_CHECKING:
    from seqshell.core.model import Model
    from seqshell.training.evaluation_result import Evaluation
    from seqshell.training.task_evaluation import TaskEvaluation

T = TypeVar("T")
OTHER_PICTURES = (".svg", ".pdf", ".jpg", ".jpeg", ".gif")  # that evaluate does not draw
FLAGS = {"settings": "--set"}  # options whose flag differs from their name


def add_evaluate_arguments(parser: ArgumentParser) -> None:
    """Add the options of `seqshell evaluate`."""
    parser.add_argument(
        "model", metavar="MODEL", help="a checkpoint, by name or path; A+B, an ensemble, with its members beside it"
    )
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
    add_set_argument(parser, "a setting of the decoding, such as max_tokens=80")
    add_unit_argument(parser)
    parser.add_argument(
        "--language", metavar="CODE", help="target language, for Moses tokens; default: the ending of TARGET, else en"
    )
    parser.add_argument(
        "--rouge", action="store_true", help="score summaries with ROUGE, too; default: if the recipe has data.rouge"
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
        help="evaluate a classifier or translation model on the part of its training data that was held out",
    )
    parser.add_argument(
        "--training",
        default="",
        metavar="DATA",
        help="data to train baselines on; default: --held-out, the rest; a classifier: cross-validation on DATA",
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
    from seqshell.training.evaluation import evaluate
    from seqshell.training.task_evaluation import evaluation_of

    registry = registry_for_command(arguments)
    arguments.settings = tuple(map(_setting, arguments.settings))
    model = open_model(arguments.model, registry)
    _check_options(arguments, model)
    output = output_file(arguments.output) if arguments.output else None
    task_evaluation = evaluation_of(model.task)
    if output:
        _check_output(output, model, task_evaluation)
    options = _task_options(arguments, task_evaluation)
    device = arguments.device or "auto"
    (evaluation,) = results_of(evaluate(model, arguments.data, registry, device=device, options=options))
    if output:
        _write_evaluation(evaluation, output, task_evaluation)
    if arguments.json:
        print_json(with_bits(evaluation.values))
        return 0
    task_evaluation.unit = chosen_unit(arguments.unit)
    width = shutil.get_terminal_size().columns if terminal_of(sys.stdout).isatty() else None
    for part in task_evaluation.report(evaluation.values, width):
        print_result(part, sys.stdout)
    if "members" in evaluation.values:
        print_result(task_evaluation.members_table(evaluation.values), sys.stdout)
    return 0


def _check_options(arguments: Namespace, model: Model) -> None:
    """Raise UsageError if an option was given that is for models of another task."""
    own = task_spec(model.task)
    for name in (name for spec in TASKS.values() for name in spec.evaluation_options):
        if getattr(arguments, name) and name not in own.evaluation_options:
            flag = FLAGS.get(name, f"--{name.replace('_', '-')}")
            tasks = " and ".join(spec.plural for spec in TASKS.values() if name in spec.evaluation_options)
            raise UsageError(f"{model.name} is {own.noun}; {flag} is for {tasks}")


def _task_options(arguments: Namespace, evaluation: TaskEvaluation) -> Any:
    """Build the task's option object from the command line; None if the task has no options."""
    if evaluation.options is None:
        return None
    values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(evaluation.options)}
    return evaluation.options(**{name: value for name, value in values.items() if value})


def _check_output(path: Path, model: Model, evaluation: TaskEvaluation) -> None:
    """Raise a SeqshellError, before the work, if the evaluation cannot be written to `path`."""
    from seqshell.training.pictures import check_picture

    if path.suffix.lower() in OTHER_PICTURES:
        raise UsageError(f"-o: end {path.name} in .png for a picture, in .json for the metrics")
    if path.suffix.lower() == ".png":
        if not evaluation.has_picture:
            noun = task_spec(model.task).noun
            raise UsageError(f"-o: there is no picture for {noun}; end {path.name} in .json for the metrics")
        check_picture(path)


def _write_evaluation(found: Evaluation, path: Path, evaluation: TaskEvaluation) -> None:
    """Write a picture (.png), the metrics (.json, or if there are no answers), or the answers."""
    ending = path.suffix.lower()
    if ending == ".png":
        evaluation.write_png(found.values, path)
    elif found.answers and ending != ".json":
        write_atomically(path, "".join(line + "\n" for line in found.answers).encode())
    else:
        write_atomically(path, (one_line(with_bits(found.values)) + "\n").encode())


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
    add_overrides_argument(parser, "change a setting in every recipe, such as training.epochs=3")
    add_unit_argument(parser)
    parser.add_argument("--train", action="store_true", help="train a recipe even if a model with its name exists")


def compare_command(arguments: Namespace) -> int:
    """Train the recipes, evaluate all models on one text, and print one table or JSON object.

    Returns 0, or 128 + the number of the signal that stopped it; the caller handles SeqshellError.
    """
    from seqshell.training.language.comparison import EVALUATING, ComparisonOptions, compare

    overrides = [*arguments.overrides, *([f"training.seed={arguments.seed}"] if arguments.seed is not None else [])]
    names, device = tuple(arguments.names), arguments.device or "auto"
    options = ComparisonOptions(names, arguments.data, arguments.test, tuple(overrides), arguments.train, device)
    with FirstSignal() as signal:
        registry = registry_for_command(arguments)
        events = compare(options, registry, stopped=lambda: signal.came)
        found = list(results_of(_released(events, EVALUATING, signal)))
    for comparison in found:
        if arguments.json:
            print_json({**comparison.values, "models": [*map(with_bits, comparison.values["models"])]})
        else:
            print_result(comparison.table(chosen_unit(arguments.unit)), sys.stdout)
    return signal.exit_code


def _released(events: Iterator[T], evaluating: str, signal: FirstSignal) -> Iterator[T]:
    """The events. From the first evaluation on, Ctrl-C loses nothing and ends the command at once.

    evaluating: the description of its progress.
    """
    for event in events:
        if isinstance(event, Progress) and event.description == evaluating:
            signal.release()
        yield event
