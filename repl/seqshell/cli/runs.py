"""`seqshell runs`: its options and output. The caller adds the common options."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqshell.cli.progress import print_json
from seqshell.cli.question import agrees, can_ask
from seqshell.cli.result_output import print_result
from seqshell.core.errors import UsageError
from seqshell.core.events import LossCurves, Table
from seqshell.core.named_files import named_path, shown_name
from seqshell.core.names import did_you_mean
from seqshell.core.paths import is_path
from seqshell.core.sanitize import safe
from seqshell.core.text_output import readable
from seqshell.core.view_files import view_place, write_view

if TYPE_CHECKING:
    from seqshell.training.run_reports import RunReport

EXAMPLES = """\
examples:
  seqshell runs
  seqshell runs experiments/
  seqshell runs show phrases
  seqshell runs plot phrases poem -o losses.html
  seqshell runs rm phrases --yes

A run is what a training keeps beside the model that it writes: NAME.run, with its figures and what --resume needs."""
COLUMNS = ("run", "task", "best", "epochs", "seed", "data", "minutes", "parent", "status")
USAGE: Mapping[str, tuple[int, int | None, str]] = {  # names: at least and at most, and how it is written
    "list": (0, None, "seqshell runs [FOLDER ...]"),
    "show": (1, 1, "seqshell runs show NAME"),
    "plot": (1, None, "seqshell runs plot NAME ... -o FILE"),
    "rm": (1, 1, "seqshell runs rm NAME [--model] [--yes]"),
}


def add_runs_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell runs`."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        metavar="list|show|plot|rm|FOLDER",
        help="list the trainings in your models folder (default), or in folders; show one with its figures, its loss "
        "curve and its recipe; plot the loss curves of several; rm: remove what one has kept",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME|PATH", help="a training: the name of its model, or the path of NAME.run"
    )
    parser.add_argument(
        "-o",
        dest="output",
        default="",
        metavar="FILE",
        help="plot: the file to write: a picture (.html, .svg, .png, .pdf) or the numbers (.csv, .tsv, .json)",
    )
    parser.add_argument("--model", action="store_true", help="rm: remove the model that came of it, too")
    parser.add_argument("--yes", action="store_true", help="rm: do not ask")


def runs_command(arguments: Namespace) -> int:
    """Run the action and return the exit code. Raises SeqshellError."""
    from seqshell.training.run_reports import find_run

    action, names = arguments.action, arguments.names
    if action not in USAGE:
        if not (is_path(action) or (action and named_path(action).is_dir())):
            meant = did_you_mean(action, USAGE, "seqshell runs --help lists the actions")
            raise UsageError(f"{shown_name(action)!r} is neither a folder nor an action of runs; {meant}")
        action, names = "list", [action, *names]
    least, most, usage = USAGE[action]
    if not least <= len(names) <= (most if most is not None else sys.maxsize):
        raise UsageError(f"runs {action} takes a name; usage: {usage}")
    if arguments.output and action != "plot":
        raise UsageError(f"-o belongs to runs plot; usage: {usage}")
    if (arguments.model or arguments.yes) and action != "rm":
        raise UsageError(f"--model and --yes belong to runs rm; usage: {usage}")
    if action == "list":
        return _list(arguments, names)
    found = [find_run(name) for name in names]
    if action == "plot":
        return _plot(arguments, found)
    return _show(arguments, found[0]) if action == "show" else _remove(arguments, found[0])


def _list(arguments: Namespace, folders: Sequence[str]) -> int:
    """Print the runs in the folders, or in the user's own if none is given."""
    from seqshell.training.run_reports import list_runs, runs_in

    if folders:
        found = [each for folder in folders for each in runs_in(folder)]
    else:
        found = [(report.name, report) for report in list_runs()]
    if arguments.json:
        print_json({"runs": [report.as_json() for _, report in found]})
    elif found:
        print_result(table(found), sys.stdout)
    else:
        where = f" in {', '.join(map(shown_name, folders))}" if folders else ""
        print(f"no trainings{where} yet; seqshell train NAME|FILE trains a model")
    return 0


def table(reports: Iterable[tuple[str, RunReport]]) -> Table:
    """The runs, with the names that are shown, and with their best figures. A damaged one has its status alone."""
    rows = []
    for name, report in reports:
        about = report.about
        epochs = f"{about['epoch']} of {about['epochs']}" if about else None
        minutes = round(about["seconds"] / 60, 2) if about else None
        facts = (about.get("task"), report.best or None, epochs, about.get("seed"), report.data_hash or None, minutes)
        rows.append((name, *facts, report.parent or None, report.state))
    return Table(COLUMNS, tuple(rows), optional=("parent", "data", "seed", "minutes"))


def _show(arguments: Namespace, report: RunReport) -> int:
    from seqshell.training.loss_curve import loss_curve
    from seqshell.training.run_reports import DAMAGED, read_history

    if report.status == DAMAGED:
        raise UsageError(f"{shown_name(report.folder)} is damaged: {report.reason}; seqshell runs rm removes it")
    history = read_history(report) if report.about else []
    if arguments.json:
        print_json({**report.as_json(), "history": history})
        return 0
    print_result(_facts(report), sys.stdout)
    if history:
        print()
        print_result(_epochs(history, report), sys.stdout)
        print()
        print_result(LossCurves((loss_curve(history, report.name, report.about["unit"]),)), sys.stdout)
    if report.about:
        print(safe(f"\n# its recipe\n{report.about['recipe']}"), end="")
    return 0


def _facts(report: RunReport) -> Table:
    """Two columns: what was trained on what, from what, with what, and how it ended."""
    about, data = report.about, report.about.get("data", {})
    rows: list[tuple[str, Any]] = [("status", report.state), ("folder", str(report.folder))]
    rows.append(("model", str(report.model) if report.model.is_file() else "not there"))
    if about:
        parent = about["parent"] or {}
        rows += [
            ("task", about["task"]),
            ("architecture", f"{about['architecture']}, {about['parameters']:,} parameters"),
            ("best", report.best or None),
            ("epochs", f"{about['epoch']} of {about['epochs']}, {about['step']:,} updates"),
            ("data", f"{data.get('name', '')}, sha256 {data.get('sha256', '')}"),
            ("split", ", ".join(f"{name} {number}" for name, number in about["split"].items())),
            *([("parent", f"{report.parent}, {parent.get('fingerprint', '')}")] if parent else []),
            ("seed", about["seed"]),
            ("device", f"{about['device']}, {about['precision']}"),
            ("started", about["started"]),
            ("ended", about["ended"]),
            ("minutes", round(about["seconds"] / 60, 2)),
            ("versions", f"seqshell {about['seqshell']}, torch {about['torch']}"),
        ]
    return Table(("", ""), tuple(rows), report.name)


def _epochs(history: Sequence[Mapping[str, Any]], report: RunReport) -> Table:
    """A row for each epoch: the mean of the training losses, and the figures of the validation."""
    names = list(dict.fromkeys(name for record in history for name in _figures(record)))
    rows, losses = [], list[float]()
    best = (report.about["best"] or {}).get("epoch")
    for record in history:
        if "loss" in record:
            losses.append(record["loss"])
            continue
        figures = _figures(record)
        mean = sum(losses) / len(losses) if losses else None
        mark = "best" if record["epoch"] == best else ""
        rows.append((record["epoch"], record["step"], mean, *(figures.get(name) for name in names), mark))
        losses = []
    return Table(("epoch", "updates", "training", *names, ""), tuple(rows))


def _figures(record: Mapping[str, Any]) -> dict[str, float]:
    found = record.get("validation", {})
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _plot(arguments: Namespace, reports: Sequence[RunReport]) -> int:
    from seqshell.training.run_reports import curve_of

    if not arguments.output:
        raise UsageError("name the file of the picture: -o losses.html, .svg, .png or .pdf")
    view_place(arguments.output)
    curves = LossCurves(tuple(map(curve_of, reports)))
    path = write_view(arguments.output, curves)
    if arguments.json:
        print_json({**curves.as_json(), "file": str(path)})
    else:
        print(safe(f"wrote {shown_name(path)}"))
    return 0


def _remove(arguments: Namespace, report: RunReport) -> int:
    from seqshell.training.run_reports import remove_run

    if not arguments.yes:
        if not can_ask():
            raise UsageError(f"runs rm asks before it removes {report.name}, and nobody can answer here; add --yes")
        if not agrees(f"remove {_described(report, with_model=arguments.model)}? --resume cannot continue it then"):
            return 1
    removed = remove_run(report, model=arguments.model)
    if arguments.json:
        print_json({"removed": [str(path) for path in removed]})
        return 0
    for path in removed:
        print(safe(f"removed {shown_name(path)}"))
    if report.folder.exists():
        print(safe(f"{shown_name(report.folder)} has other files, which stay"))
    if report.model.is_file():
        print(safe(f"the model is still there: {shown_name(report.model)}"))
    return 0


def _described(report: RunReport, *, with_model: bool) -> str:
    size = sum(path.stat().st_size for path in report.folder.rglob("*") if path.is_file())
    model = f" and the model {shown_name(report.model)}" if with_model and report.model.is_file() else ""
    return f"{shown_name(report.folder)} ({readable(size)}){model}"
