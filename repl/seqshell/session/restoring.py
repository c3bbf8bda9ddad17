"""Rebuilding a session from its file, whose format `saving` describes. Everything in the file is checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError, PluginError, SeqshellError
from seqshell.core.row_times import listed_times, read_times
from seqshell.core.sampling import Draw
from seqshell.core.series_tokenizer import Values
from seqshell.core.state import State, as_array, as_leaf, leaves, map_leaves, named_leaves, replace_leaves
from seqshell.core.text_output import brief
from seqshell.decoding.available import Missing, chain_of, samplers_of, strategy_of
from seqshell.models import file
from seqshell.models.ownership import describe_missing
from seqshell.session import saved_interventions, saved_notes
from seqshell.session.answers import Answers
from seqshell.session.branches import Branches, BranchState, Return
from seqshell.session.cursor import FIRST_TURN, Cursor
from seqshell.session.interventions import Interventions
from seqshell.session.navigation import Navigator
from seqshell.session.notes import NO_NOTES
from seqshell.session.packing import array_of, unstacked
from seqshell.session.saved_nodes import checked_integer, read_nodes
from seqshell.session.saving import RUN_COLUMNS, other_backend, saved_model
from seqshell.session.snapshot import Snapshot, in_one_piece
from seqshell.session.snapshots import SnapshotStore
from seqshell.session.state_record import require_next
from seqshell.session.timeline import Read, Timeline

Tensors = Mapping[str, NDArray[Any]]
ROWS = 1024  # states that are tried together
# What reading an inconsistent file raises where its parts are not checked one by one.
DAMAGE = KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError, RecursionError, MemoryError


def read(path: Path, cursor: Cursor, navigator: Navigator, answers: Answers) -> list[str]:
    """Read a session into the parts of a new one. CheckpointError if the file is damaged or of another model.

    Returns a message for each sampler and strategy that is not available; it is left out, with what it remembers.
    """
    saved, model = saved_model(path), cursor.model
    if saved.fingerprint != model.fingerprint:
        raise CheckpointError(
            f"{path.name} was saved with the model {brief(saved.name)} (fingerprint {brief(saved.fingerprint[:12])}), "
            f"and {model.name} has other weights ({model.fingerprint[:12]})",
            hint=f"start with -m FILE --restore {path.stem}, where FILE has those weights",
        )
    header, tensors = file.read(path)
    try:
        missing = _rebuild(header, tensors, cursor, navigator, answers)
    except SeqshellError as error:
        raise CheckpointError(f"{path.name} is damaged: {error.message}") from error
    except DAMAGE as error:
        raise CheckpointError(f"{path.name} is damaged: its parts do not fit together") from error
    owners = header.get("decoding_owners")
    messages = [f"{path.name} is restored {describe_missing(each, owners)}" for each in dict.fromkeys(missing)]
    return messages + other_backend(saved, model, path)


def _rebuild(
    header: Mapping[str, Any], tensors: Tensors, cursor: Cursor, navigator: Navigator, answers: Answers
) -> list[Missing]:
    """Returns the samplers and strategies that are missing."""
    model = cursor.model
    if isinstance(model.tokenizer, Values):
        model.tokenizer.fill(tensors["values"])
    changes = _read_changes(tensors)
    timeline = _timeline(tensors, model.tokenizer.size, cursor.timeline.stride, changes)
    read_nodes(tensors, timeline, cursor.model)
    _read_row_times(header, timeline)
    chains = [samplers_of(text, answers.samplers) for text in header["chains"]]
    memories = {}
    for node, number, values in json.loads(tensors["memories"].tobytes(), object_hook=array_of):
        if not 0 <= node < len(timeline) or len(values) != len(chains[number]):
            raise CheckpointError("a sampler's memory belongs to no token")
        pairs = zip(values, chains[number], strict=True)
        memories[node] = (
            tuple(value for value, sampler in pairs if not isinstance(sampler, Missing)),
            chain_of(chains[number]),
        )
    store = SnapshotStore(timeline, cursor.store.budget, grows=bool(model.grows))
    snapshots = {snapshot.node: snapshot for snapshot in _snapshots(tensors, cursor, timeline, memories)}
    saved_interventions.check(changes, {node: in_one_piece(snapshots[node]).state for node in changes})
    _check_integers(snapshots.values(), cursor, timeline)
    for node in sorted(snapshots):
        store.restore(snapshots[node])
    for node, (values, samplers) in memories.items():
        if node not in snapshots:
            store.restore_memories(node, values, samplers)
    branches = Branches.rebuilt([_branch(data, len(timeline)) for data in header["branches"]], header["branch"])
    if "notes" in tensors:
        saved_notes.read_json(json.loads(tensors["notes"].tobytes()), timeline.notes, branches)
    cursor.timeline, cursor.store = timeline, store
    cursor.here = next(iter(snapshots.values()))  # a node of this timeline: `snapshot` looks at it first
    node = header["here"]
    here = cursor.snapshot(node) if timeline.is_encoding(node) else in_one_piece(snapshots[node])
    if here.outputs is None or branches.current.node != here.node:
        raise CheckpointError("the current snapshot is incomplete")
    cursor.here = here
    seed, retry, turn = (
        checked_integer(header[name], 2**64 if name != "turn" else 2**62) for name in ("seed", "retry", "turn")
    )
    navigator.resume(branches, seed, retry, turn)
    strategy = strategy_of(header["strategy"], answers.strategies)
    answers.chain = chain_of(chains[0])
    if not isinstance(strategy, Missing):
        answers.strategy = strategy
    return [each for each in (*chain.from_iterable(chains), strategy) if isinstance(each, Missing)]


def _read_row_times(header: Mapping[str, Any], timeline: Timeline) -> None:
    """Add the times of tables. Files of earlier versions have none."""
    for node, name, cells in header.get("row_times", []):
        times = read_times(name, cells) or listed_times(name, cells)
        if times is None or not 0 <= node < len(timeline) or timeline.ids[node] < 0:
            raise CheckpointError("the times of a table belong to no token")
        timeline.row_times[node] = times


def _read_changes(tensors: Tensors) -> dict[int, Interventions]:
    """The interventions that are active from each change on, if there are any."""
    if "interventions" not in tensors:
        return {}
    return saved_interventions.read_json(json.loads(tensors["interventions"].tobytes(), object_hook=array_of))


def _timeline(tensors: Tensors, size: int, stride: int, changes: Mapping[int, Interventions]) -> Timeline:
    """The runs, added one after the other, so that what is derived from them is correct whatever the file says."""
    timeline = Timeline(stride)
    ids = tensors["ids"].tolist()
    columns = [tensors[f"runs.{name}"].tolist() for name in RUN_COLUMNS]
    firsts = columns[0]
    for number, (first, parent, turn, read, seed, retry) in enumerate(zip(*columns, strict=True)):
        end = firsts[number + 1] if number + 1 < len(firsts) else len(ids)
        tokens, draw = ids[first:end], Draw(checked_integer(seed, 2**64), checked_integer(retry, 2**64))
        if number or turn != FIRST_TURN:
            checked_integer(turn, 2**62)
        if first != len(timeline) or not (0 <= parent < first or parent == -1 == -first - 1):
            raise CheckpointError("a run does not begin where the one before it ends")
        if read == Read.ROOT:
            timeline.add_root(parent, turn, draw)
            fits = tokens == [-1]
        elif read == Read.CHANGED:
            timeline.add_change(parent, turn, draw, changes[first])
            fits = tokens == [-1]
        else:
            timeline.begin_run(parent, turn, Read(read), draw)
            timeline.extend(tokens)
            fits = all(0 <= token < size for token in tokens)
        if not fits:
            raise CheckpointError("a token is not in the vocabulary")
    if changes.keys() != {node for node, _ in saved_interventions.changes_of(timeline)}:
        raise CheckpointError("interventions begin at a token")
    return timeline


def _snapshots(tensors: Tensors, cursor: Cursor, timeline: Timeline, memories: Mapping[int, Any]) -> Iterable[Snapshot]:
    template = cursor.plain.initial_state(1)
    for run in range(timeline.num_runs):
        root = timeline.first[run]
        if timeline.read[run] == Read.ROOT and root not in timeline.sources and root not in timeline.givens:
            active = timeline.active[run]
            outputs, state = cursor.root_state(None, active) if active else (cursor.no_outputs(), template)
            yield Snapshot(root, state, outputs)
    kept = tensors["kept"].tolist()
    given = _given_nodes(timeline)
    if not given <= {*kept} & {*tensors["whole"].tolist()}:
        raise CheckpointError("a given state is missing")
    if not kept:
        return
    if any(not 0 <= node < len(timeline) or (timeline.ids[node] < 0 and node not in given) for node in kept):
        raise CheckpointError("a snapshot belongs to no token")
    likes = list(_templates(kept, template, cursor, timeline))
    names = [name for name, _ in named_leaves(template)]
    grows = bool(cursor.model.grows)
    columns = [
        unstacked(name, tensors, like, grows=grows) for name, like in zip(names, zip(*likes, strict=True), strict=True)
    ]
    rows = zip(*columns, strict=True) if columns else [()] * len(kept)  # a model that reads whole texts has no state
    whole = {
        node: row.copy()
        for node, row in zip(tensors["whole"].tolist(), tensors.get("outputs", np.zeros((0, 0)))[:, None], strict=True)
    }
    if any(cursor.plain.trouble(row, 1) for row in whole.values()):
        raise CheckpointError("the outputs do not fit the model")
    for node, row in zip(kept, rows, strict=True):
        own = map(as_leaf, row, leaves(template))
        state = replace_leaves(map_leaves(lambda leaf: leaf, template), own)
        yield Snapshot(node, state, whole.get(node), *memories.get(node, ((), ())))


def _given_nodes(timeline: Timeline) -> set[int]:
    """The nodes without a token whose states nothing can compute again."""
    return {*timeline.givens, *(node for node, _ in saved_interventions.changes_of(timeline))}


def _check_integers(snapshots: Iterable[Snapshot], cursor: Cursor, timeline: Timeline) -> None:
    """Read a token in each state with integers: they may be places in a table, and any other number would fail later.

    Each state once, with others of its shapes.
    """
    groups: dict[Any, list[Snapshot]] = {}
    given = _given_nodes(timeline)
    for snapshot in snapshots:
        own, node = list(map(as_array, leaves(snapshot.state))), snapshot.node
        if (timeline.ids[node] >= 0 or node in given) and any(leaf.dtype.kind in "iu" for leaf in own):
            groups.setdefault(tuple(leaf.shape for leaf in own), []).append(snapshot)
    for group in groups.values():
        for start in range(0, len(group), ROWS):
            part = group[start : start + ROWS]
            state = map_leaves(_joined, *(in_one_piece(each).state for each in part))
            try:
                require_next(cursor.model, cursor.plain, state)
            except PluginError:
                raise CheckpointError("a state has numbers that the model cannot go on from") from None


def _joined(*leaves: Any) -> Any:
    """The rows of several leaves in one."""
    return as_leaf(np.concatenate(list(map(as_array, leaves))), leaves[0])


def _templates(
    kept: Iterable[int], template: State, cursor: Cursor, timeline: Timeline
) -> Iterable[list[NDArray[Any]]]:
    """For each node, the leaves of a state as the model makes it: their shapes may depend on the length of a source."""
    known = {0: list(map(as_array, leaves(template)))}
    for node in kept:
        source = timeline.source(node)
        length = len(source.ids) if source is not None else 0
        if source is not None and length not in known:
            known[length] = list(map(as_array, leaves(cursor.plain.begin(source.ids)[1])))
        yield known[length]


def _branch(data: Mapping[str, Any], num_nodes: int) -> BranchState:
    values = dict(data)
    values["returns"] = [
        Return(**{key: checked_integer(each[key], 2**64) for key in ("left", "node", "retry")}, notes=NO_NOTES)
        for each in values["returns"]
    ]
    branch = BranchState(**{**values, "notes": NO_NOTES})
    nodes = [branch.node, *(node for each in branch.returns for node in (each.left, each.node))]
    for node in nodes:
        checked_integer(node, num_nodes)
    checked_integer(branch.retry, 2**64)
    checked_integer(branch.fork, num_nodes)
    checked_integer(branch.point + 1, num_nodes + 1)
    checked_integer(branch.turn, 2**62)
    return branch
