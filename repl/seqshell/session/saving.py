"""A session <-> one file, in the format of checkpoints: every token, the branches, and snapshots to go back to.

The JSON header has kind "session", the model's name, path and fingerprint, seed, retry, turn, strategy, chains, the
owners of those from plugins, the shell's settings, the current branch, and all branches with their redos. The tensors:

    ids [N] int32                 the token of every node, -1 for a root
    runs.* [R]                    first, parent, turn, read, seed, retry of every run (see Timeline)
    kept [K], whole [W]           the nodes with a snapshot, and those whose snapshot has outputs
    state.PATH [K, ...]           one for each leaf of the state, [..., 2] if it is complex; outputs [W, V]
    state.PATH.of [K]             if snapshots share arrays: the row of each snapshot
    state.PATH.shapes [K, D]      if the rows differ in shape: the leaf is then flat
    state.PATH.before, axis [K]   if the leaf grows: each row is what it adds, along the axis, to the row `before` (-1:
                                  to none)
    memories [bytes]              JSON: what samplers remember, [node, number of the chain, memories] each
    sources [bytes]               JSON: the roots of translations, [node, text, ids, ids of the prefix] each
    givens [bytes]                JSON: the roots with a state that was given, [node, name, text, position, scale,
                                  interventions] each
    interventions [bytes]         JSON: the interventions, and those active from each change on; see saved_interventions
    words [bytes]                 JSON: words that unknown tokens stand for, [node, text] each
    options [bytes]               JSON: options of answers, [node, max_tokens, stop, strategy, settings] each
    notes [bytes]                 JSON: what plugins noted, as saved_notes.to_json returns it
    values [R, F] float64         the rows of a series, by the ids that stand for them

Only the snapshots that nothing else can replace are saved: every 32nd, those where branches are, those that were given
or changed, and those of a search in a text that is not a translation. Going back to another one reads at most 32 tokens
again, by the same calls. Sources are encoded again when needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError
from seqshell.core.model import Model
from seqshell.core.precisions import PRECISIONS
from seqshell.core.sampling import Sampler
from seqshell.core.series_tokenizer import Values
from seqshell.core.state import as_array, named_leaves
from seqshell.decoding.syntax import format_chain, format_strategy
from seqshell.models import file
from seqshell.models.ownership import decoding_owners
from seqshell.session import saved_interventions, saved_notes
from seqshell.session.answer_options import NO_OPTIONS
from seqshell.session.answers import Answers
from seqshell.session.branches import Branches, BranchState
from seqshell.session.cursor import Cursor
from seqshell.session.navigation import Navigator
from seqshell.session.packing import as_tensor, plain, stacked
from seqshell.session.snapshot import Snapshot, has_memory
from seqshell.session.timeline import STRIDE, Read, Timeline

RUN_COLUMNS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "first": np.int64,
        "parent": np.int64,
        "turn": np.int64,
        "read": np.int8,
        "seed": np.uint64,
        "retry": np.uint64,
    }
)


@dataclass(frozen=True)
class SavedModel:
    """The model that a saved session needs. settings: the shell's, as `Session.save` was given them; None: unknown.

    backend: what computed its outputs; empty: unknown. weights: their precision.
    """

    name: str
    path: str | None
    fingerprint: str
    settings: Mapping[str, Any] | None = None
    backend: str = ""
    weights: str = PRECISIONS[0]


def saved_model(path: Path, kind: str = "session") -> SavedModel:
    """The model that a saved session, or a file of another kind, names. CheckpointError if the file is not of it."""
    header = file.read_header(path)
    file.require_kind(header, kind, path, path)
    model = header.get("model")
    named = model if isinstance(model, dict) else {}
    name, place, fingerprint, backend = (named.get(key) for key in ("name", "path", "fingerprint", "backend"))
    if not isinstance(name, str) or not isinstance(fingerprint, str):
        raise CheckpointError(f"{path.name} does not say which model it needs")
    settings = header.get("settings")
    kept = settings if isinstance(settings, dict) else None
    known = backend if isinstance(backend, str) else ""
    weights = next((each for each in PRECISIONS if each == named.get("weights")), PRECISIONS[0])
    return SavedModel(name, place if isinstance(place, str) else None, fingerprint, kept, known, weights)


def other_backend(saved: SavedModel, model: Model, path: Path) -> list[str]:
    """A message if the model's outputs were computed otherwise than now. In earlier versions nothing was compiled."""
    before = saved.backend or ("numpy" if model.backend == "compiled" else model.backend)
    if saved.weights != model.weights:
        return [
            f"{path.name} was saved with weights in {saved.weights}, and these are in {model.weights}: "
            "the logits differ more than in the last bits"
        ]
    if before == model.backend:
        return []
    return [f"{path.name} was saved with {before} steps, and these are {model.backend}: the last bits may differ"]


def model_header(model: Model) -> dict[str, str | None]:
    """What `saved_model` reads of a model."""
    path = str(model.path.resolve()) if model.path else None
    return {
        "name": model.name,
        "path": path,
        "fingerprint": model.fingerprint,
        "backend": model.backend,
        "weights": model.weights,
    }


def write(
    path: Path, cursor: Cursor, navigator: Navigator, answers: Answers, settings: Mapping[str, Any] | None = None
) -> None:
    """Write a session. settings: JSON values by name, for `saved_model`.

    Either the old file or the new one exists at any time. CheckpointError if it cannot be written.
    """
    navigator.keep_place()
    kept = _worth_keeping(cursor, navigator.branches)
    memories, chains = _memories(cursor, kept, answers.chain)
    try:
        memories_text = json.dumps(memories, default=plain).encode()
    except (TypeError, ValueError) as error:
        message = f"{path.name}: what a sampler remembers is neither JSON values nor arrays: {error}"
        raise CheckpointError(message) from None
    model = cursor.model
    strategy = format_strategy(answers.strategy, answers.strategies)
    available = answers.samplers, answers.strategies
    texts = [format_chain(each, answers.samplers) for each in chains]
    header = {
        "kind": "session",
        "model": model_header(model),
        "architecture": model.architecture,
        "seed": navigator.seed,
        "retry": navigator.retry,
        "turn": navigator.turn,
        "here": cursor.here.node,
        "strategy": strategy,
        "chains": texts,
        "branch": navigator.branch,
        "branches": [_branch(branch) for branch in navigator.branches],
        **({"decoding_owners": owners} if (owners := decoding_owners(texts, strategy, *available)) else {}),
        **({} if settings is None else {"settings": dict(settings)}),
        **({"row_times": times} if (times := _row_times(cursor.timeline)) else {}),
    }
    tensors = {
        **_timeline_tensors(cursor),
        **_snapshot_tensors(kept),
        "memories": np.frombuffer(memories_text, np.uint8),
    }
    if options := _options(cursor, answers):
        tensors["options"] = as_tensor(options)
    if changed := saved_interventions.to_json(cursor.timeline):
        tensors["interventions"] = as_tensor(changed)
    if noted := saved_notes.to_json(cursor.timeline.notes, navigator.branches):
        tensors["notes"] = as_tensor(noted)
    if isinstance(model.tokenizer, Values):
        tensors["values"] = model.tokenizer.table
    file.write(path, header, tensors)


def _branch(branch: BranchState) -> dict[str, Any]:
    """A branch without its notes."""
    returns = [{"left": each.left, "node": each.node, "retry": each.retry} for each in branch.returns]
    fields = {name: value for name, value in vars(branch).items() if name != "notes"}
    return {**fields, "returns": returns}


def _row_times(timeline: Timeline) -> list[list[Any]]:
    """For each table with times its first node, the name of the times, and the first of them."""
    return [[node, times.name, times.first] for node, times in timeline.row_times.items()]


def _worth_keeping(cursor: Cursor, branches: Branches) -> list[Snapshot]:
    """The snapshots that go into the file, in the order of their nodes. Roots are computed again, unless given."""
    timeline, store = cursor.timeline, cursor.store
    nodes: set[int] = {branch.node for branch in branches}
    for run in range(timeline.num_runs):
        first = timeline.first[run]
        end = timeline.first[run + 1] if run + 1 < timeline.num_runs else len(timeline)
        if timeline.read[run] == Read.FOUND and timeline.source(first) is None:
            nodes.update(range(first, end))
        elif timeline.read[run] != Read.ROOT:
            nodes.update(range(first + (-(timeline.base[run] + 1)) % STRIDE, end, STRIDE))
    nodes = {node for node in nodes if timeline.ids[node] >= 0} | timeline.givens.keys()
    nodes.update(node for node, _ in saved_interventions.changes_of(timeline))
    found = {node: snapshot for node in nodes if (snapshot := store.kept_as(node)) is not None}
    if (here := cursor.here).node in nodes:
        found[here.node] = here._replace(state=found[here.node].state) if here.node in found else here
    return [found[node] for node in sorted(found)]


def _memories(
    cursor: Cursor, kept: list[Snapshot], chain: tuple[Sampler, ...]
) -> tuple[list[list[Any]], list[tuple[Sampler, ...]]]:
    """What samplers remember, [node, number of the chain, memories] each, and the chains, `chain` first."""
    chains = [chain]
    remembered = {node: (values, samplers) for node, values, samplers in cursor.store.all_memories()}
    remembered.update({each.node: (each.memories, each.samplers) for each in kept if has_memory(each.memories)})
    memories: list[list[Any]] = []
    for node, (values, samplers) in sorted(remembered.items()):
        if samplers not in chains:
            chains.append(samplers)
        memories.append([node, chains.index(samplers), list(values)])
    return memories, chains


def _options(cursor: Cursor, answers: Answers) -> list[list[Any]]:
    """The options of answers that were given any: [node, max_tokens, stop, strategy, settings] each."""
    found = []
    for node, each in cursor.timeline.options.items():
        if each != NO_OPTIONS:
            chosen = each.strategy
            text = chosen if chosen is None or isinstance(chosen, str) else format_strategy(chosen, answers.strategies)
            settings = {name: str(value) for name, value in each.settings.items()}
            found.append([node, each.max_tokens, each.stop, text, settings])
    return found


def _timeline_tensors(cursor: Cursor) -> dict[str, NDArray[Any]]:
    """The nodes, the runs, the sources and the words that unknown tokens stand for."""
    timeline = cursor.timeline
    sizes = np.diff([*timeline.first, len(timeline)])  # a KeyboardInterrupt may leave a run without a node
    tensors: dict[str, NDArray[Any]] = {
        f"runs.{name}": np.array(getattr(timeline, name), kind)[sizes > 0] for name, kind in RUN_COLUMNS.items()
    }
    tensors["ids"] = np.array(timeline.ids, np.int32)
    if timeline.sources:
        rows = [[node, source.text, source.ids, source.prefix] for node, source in timeline.sources.items()]
        tensors["sources"] = as_tensor(rows)
    if timeline.givens:
        tensors["givens"] = as_tensor([[node, *vars(given).values()] for node, given in timeline.givens.items()])
    if timeline.sources or timeline.unknown_words:
        tensors["words"] = as_tensor(list(timeline.unknown_words.items()))
    return tensors


def _snapshot_tensors(kept: list[Snapshot]) -> dict[str, NDArray[Any]]:
    """The states and outputs of snapshots."""
    whole = [(snapshot.node, snapshot.outputs) for snapshot in kept if snapshot.outputs is not None]
    tensors: dict[str, NDArray[Any]] = {
        "kept": np.array([snapshot.node for snapshot in kept], np.int64),
        "whole": np.array([node for node, _ in whole], np.int64),
    }
    if whole:
        tensors["outputs"] = np.concatenate([outputs for _, outputs in whole])
    if kept:
        columns = zip(*(named_leaves(snapshot.state) for snapshot in kept), strict=True)
        for column in columns:
            different = {id(leaf): leaf for _, leaf in column}
            arrays = {key: as_array(leaf) for key, leaf in different.items()}
            tensors.update(stacked(column[0][0], [arrays[id(leaf)] for _, leaf in column]))
    return tensors
