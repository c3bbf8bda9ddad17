"""Train a recipe: from the data to a checkpoint, reported as events."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from seqshell.core import paths
from seqshell.core.errors import PluginError, RecipeError, SeqshellError, reason_of
from seqshell.core.events import Event, GradientLags, LossCurves, Notice, Progress, Text
from seqshell.core.signal_handlers import stops_host
from seqshell.core.view_files import view_place, write_view
from seqshell.host import Registry
from seqshell.host.command_lines import command_line
from seqshell.training.averaging import try_average
from seqshell.training.counting import is_counted, new_run
from seqshell.training.data.array_store import FOLDER
from seqshell.training.distributed.group import Group
from seqshell.training.distributed.lost import RankLost
from seqshell.training.fitting import fit_first, gained_nothing
from seqshell.training.freezing import num_frozen
from seqshell.training.keeping import Keeper
from seqshell.training.lag_history import lags_of
from seqshell.training.listeners import followed
from seqshell.training.loss_curve import loss_curve
from seqshell.training.memory import check_memory
from seqshell.training.preparation import encode_ahead, prepare
from seqshell.training.progress import duration
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.rehearsal import rehearse
from seqshell.training.run import Run
from seqshell.training.run_files import locked
from seqshell.training.run_record import end_recorded
from seqshell.training.samples import sample
from seqshell.training.teacher import ask_teacher
from seqshell.training.tensorboard_log import Log, check_log, opened_log
from seqshell.training.useful_threads import useful_threads

NOTHING = "no checkpoint was written"


def train(
    recipe: Recipe,
    registry: Registry,
    out: Path | None = None,
    resume: bool = False,
    *,
    stopped: Callable[[], int] = lambda: 0,
    picture: Path | None = None,
    log: str = "",
    written: Callable[[Path], None] = lambda path: None,
    group: Group | None = None,
) -> Generator[Event, None, None]:
    """Train a recipe and write the best weights to `out`, by default NAME.safetensors in the user's models folder.

    NAME.run/ beside the checkpoint holds metrics.jsonl, run.json and the resume file; `resume` continues from it and
    gives the same bits as an uninterrupted training. Yields Progress after every batch.

    stopped: called before every batch; when it returns True, or the number of a signal, training ends and the best
    weights are kept, as when the generator is closed. Before the first validation there are none: then no checkpoint is
    written.
    picture: file for the loss curve: a picture, or its numbers.
    log: "tensorboard" writes event files into NAME.run/, too.
    written: called with the path of each checkpoint that was written, which is another than `out` if that had become
    impossible to write.
    group: the processes that train together, each of which calls this function; default: this one alone. Only its
    writer writes, calls hooks and yields results.
    Raises RecipeError for invalid data or settings, if the model could not be kept, and for a loss that is NaN or
    infinite; CheckpointError if the checkpoint cannot be written at the end.
    """
    group = group or Group()
    check_log(log)
    if picture is not None:
        view_place(str(picture))
    out = paths.output_path(recipe.name, "models") if out is None else out
    recipe = replace(recipe, store=out.parent / FOLDER)
    with _remaining(NOTHING):
        if not (yield from _encoded_ahead(recipe, registry, group, stopped)):
            yield Notice("no model written: stopped before the first step")
            return
        prepared = group.together(lambda: prepare(recipe, registry))
    group.check_same("settings", recipe.tables())
    group.check_same("data", prepared.objective.data["sha256"])
    group.check_same(
        "weights of the teacher", prepared.teacher.model.fingerprint if prepared.teacher is not None else ""
    )
    group.from_writer(lambda: check_memory(prepared, group))
    with _run_folder(out, group) as folder, ExitStack() as beside:
        with _remaining(NOTHING):
            note = group.from_writer(lambda: rehearse(prepared, registry, out, folder))
            prepared = prepared.in_torch() if note else prepared
            run = new_run(prepared, folder, group)
            beside.enter_context(useful_threads(run))
        resumes = group.from_writer(lambda: resume or (group.restarts > 0 and run.resume_file.exists()))
        keeper = Keeper(run, registry, out, written)
        yield from _opening_notes(run, resumes)
        if note:
            yield Notice(note, "warning")
        if resumes:
            run.restore()
        elif group.is_writer:
            run.progress.first_sample = sample(run, registry)
            run.progress.earlier = keeper.earlier.validate(run.average) if keeper.earlier is not None else {}
        with end_recorded(run), opened_log(log, run, resumes=resumes) as writer:
            try:
                yield from writer.follow(_trained(run, registry, stopped, writer, beside))
            except GeneratorExit:
                if group.size == 1:  # the others do not know of it, and go on
                    list(run.try_write())
                keeper.keep_best()
                raise
            except KeyboardInterrupt:
                # It may have come in the middle of an update, so the resume file is left as it is.
                keeper.keep_best()
                raise
            except Exception as error:
                kept = keeper.keep_what_can_be_kept()
                yield from keeper.take_notes()
                if isinstance(error, PluginError) and group.is_writer:
                    raise error.with_remains(kept or NOTHING) from error
                if isinstance(error, RankLost) and run.resume_file.exists():
                    kept = "; ".join(filter(None, (kept, "--resume continues from what was saved last")))
                if kept and isinstance(error, RecipeError | RankLost):
                    raise type(error)(f"{error.message}; {kept}", hint=error.hint) from None
                if kept:
                    yield Notice(kept, "warning")
                raise
            yield from run.try_write()  # before keep_best, which loads the best weights into run.average
            unfinished = bool(group.agree(stopped())[0])
            if not group.is_writer:
                if run.progress.best and not unfinished:
                    try_average(run)  # its part of the validation
            elif run.progress.best:
                try:
                    ending = _closing_notes(keeper, picture, writer, unfinished=unfinished)
                    yield from writer.follow(followed(ending, run, registry))
                except PluginError as error:
                    raise error.with_remains(keeper.keep_what_can_be_kept()) from error
            else:
                yield Notice(f"no model written: {_stopped_at(run)}")
            group.meet()


def _encoded_ahead(
    recipe: Recipe, registry: Registry, group: Group, stopped: Callable[[], int]
) -> Generator[Progress, None, bool]:
    """Let the writer encode large data, and yield its progress. Returns False if it was stopped before the end."""
    finished, failed = True, list[Exception]()
    if group.is_writer:
        try:
            finished = yield from encode_ahead(recipe, registry, stopped)
        except Exception as error:
            failed.append(error)

    def outcome() -> bool:
        for error in failed:
            raise error
        return finished

    return group.from_writer(outcome)


def _run_folder(out: Path, group: Group) -> AbstractContextManager[Path]:
    """The folder of the run; the writer locks it."""
    folder = out.with_suffix(".run")
    return locked(folder) if group.is_writer else nullcontext(folder)


def _trained(run: Run, registry: Registry, stopped: Callable[[], int], log: Log, beside: ExitStack) -> Iterator[Event]:
    """The events of the training itself, and for the writer samples and what hooks of plugins show.

    beside: gets the context in which the rest of the data are encoded, after the first update, which that would delay.
    """
    log.add_sample(run.progress.first_sample)
    sampled, every = -1, run.settings.sample_every
    trained = _with_errors(
        itertools.chain(ask_teacher(run.objective, run.group, stopped), fit_first(run), run.epochs(stopped)), run
    )
    if not run.group.is_writer:
        yield from trained
        return
    for number, event in enumerate(followed(trained, run, registry)):
        yield event
        if not number:
            beside.enter_context(run.prepared.beside())
        epoch = run.progress.epoch
        if isinstance(event, Notice) and every and epoch % every == 0 and epoch != sampled:
            sampled = epoch
            yield Notice(log.add_sample(sample(run, registry)))


@contextmanager
def _remaining(remains: str) -> Iterator[None]:
    """A plugin's error in the block says what is still valid."""
    try:
        yield
    except PluginError as error:
        raise error.with_remains(remains) from error


def _with_errors(events: Iterator[Event], run: Run) -> Iterator[Event]:
    """The events. What a plugin's model raises to end the program becomes a RecipeError: it ends the training alone."""
    while True:
        try:
            event = next(events, None)
        except BaseException as error:
            if isinstance(error, Exception) or stops_host(error):
                raise
            name = run.prepared.architecture.name
            message = f"{run.prepared.recipe.name}: {name} failed in training: {reason_of(error)}"
            raise RecipeError(message) from error
        if event is None:
            return
        yield event


def _opening_notes(run: Run, resume: bool) -> Iterator[Event]:
    prepared = run.prepared
    yield from map(Notice, prepared.recipe.understood)
    yield from map(Notice, prepared.notes)
    # A model that is fitted by counting has no parameters yet.
    size = f" with {run.num_parameters:,} parameters" if run.num_parameters else ""
    if frozen := num_frozen(run.module.parameters()):
        size += f", of which {run.num_parameters - frozen:,} are trained"
    what = f"{prepared.architecture.name}{size}, {prepared.sizes}"
    first, *others = prepared.objective.description.split("\n")
    yield Notice(f"{prepared.recipe.name}: {what}; {first}")
    yield from map(Notice, others)
    if run.settings.reach_every and is_counted(prepared.architecture):
        yield Notice(f"no gradients by lag: {prepared.architecture.name} is fitted by counting")
    if run.resume_file.exists() and not resume:
        yield Notice(f"replacing an earlier run in {run.folder}; --resume would have continued it")


def _stopped_at(run: Run) -> str:
    """Where a training was stopped, and how it continues."""
    if not run.progress.done:
        return "stopped before the first step"
    advice = "" if run.write_fails else "; --resume continues from here"
    return f"stopped after {run.progress.step:,} of {run.total_steps:,} steps{advice}"


def _closing_notes(keeper: Keeper, picture: Path | None, log: Log, *, unfinished: bool) -> Iterator[Event]:
    """Write the best weights; yield metrics, loss curve, samples, and the command that opens the model."""
    run = keeper.run
    prepared, progress, recipe = run.prepared, run.progress, run.prepared.recipe
    path = keeper.keep_best()
    assert path is not None  # the caller has checked that there are best weights
    if unfinished:
        yield Notice(_stopped_at(run))
    else:
        if run.reason_to_stop and progress.epoch < run.settings.epochs:
            yield Notice(f"stopped after epoch {progress.epoch} of {run.settings.epochs}: {run.reason_to_stop}")
        if try_average(run):
            number = len(run.last_weights)
            yield Notice(
                f"keeping the average of the last {number} epochs' weights, which is better than the best epoch"
            )
        if note := gained_nothing(run):
            yield Notice(note)
        yield Notice("evaluating the best weights on all validation data")
        metrics = prepared.objective.measure(keeper.best_module())
        keeper.score_parent()
        path = keeper.keep(metrics)
        yield prepared.objective.table(metrics)
        yield from keeper.compare_with_parent()
    yield from keeper.take_notes()
    curves = LossCurves((loss_curve(progress.history, path.stem, run.unit),))
    if curves.curves[0].training:
        yield curves
    if lags := lags_of(progress.history, path.stem):
        yield GradientLags(lags)
    if picture is not None:
        try:
            write_view(str(picture), curves)
            yield Notice(f"wrote the loss curve to {picture}")
        except SeqshellError as error:
            yield Notice(f"no loss curve: {error.message}", "warning")
    yield Text(f"sample before training:\n{progress.first_sample}")
    yield Text(f"sample after training:\n{log.add_sample(sample(run, keeper.registry))}")
    folder = paths.folder("states" if recipe.training.tune else "models")
    name = path.name.removesuffix(paths.ENDING) if path.parent == folder else str(path)
    best = progress.best or {}
    if recipe.training.tune and prepared.parent is not None:
        yield Notice(f"wrote {path}: the state of epoch {best['epoch']} of {recipe.training.epochs}")
        yield Text(command_line(keeper.registry, "-m", recipe.training.parent, "-c", f"/state load {name}"))
        return
    begun = "fitted weights" if prepared.parent is None else f"the weights of {prepared.parent.model.name}"
    weights = begun if "fitted" in best else f"weights of epoch {best['epoch']} of {recipe.training.epochs}"
    yield Notice(f"wrote {path}: {weights}, {duration(progress.seconds)} of training")
    yield Text(command_line(keeper.registry, "-m", name))
