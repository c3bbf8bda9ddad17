"""A whole session <-> one file, in the format of checkpoints: every token, the branches, and snapshots to go back to.

The JSON header says kind "session", the model's name, path and fingerprint, seed, retry, turn, strategy, chains, the current branch and
all branches with what could be redone. The tensors:

    ids [N] int32                 the token of every node, -1 for a root
    runs.* [R]                    first, parent, turn, read, seed, retry of every run (see Timeline)
    kept [K], whole [W]           the nodes of the snapshots that are kept, and of those that have outputs
    state.PATH [K, ...]           one for each leaf of the state; outputs [W, V]
    state.PATH.of [K]             where snapshots share an array: which of the rows is whose
    state.PATH.shapes [K, D]      where the rows differ in shape: the leaf is flat then
    memories [bytes]              JSON: what samplers remember, [node, number of the chain, memories] each
    sources [bytes]               JSON: the roots of translations, [node, text, ids, ids of the prefix] each
    words [bytes]                 JSON: words that stand for UNK, [node, text] each
    values [R, F] float64         the rows of a series, by the ids that stand for them

Of the snapshots those are kept that nothing else can replace: every 32nd, where branches stand, and what a strategy found in a text that
is no translation. Going back to another one reads at most 32 steps again, by the same calls. Sources are encoded again when one is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.sampling import Draw, Sampler, Strategy
from seqshell.core.series_tokenizer import Values
from seqshell.core.state import State, leaves, map_leaves, named_leaves, replace_leaves
from seqshell.decoding.syntax import format_chain, format_strategy, parse_chain, parse_strategy
from seqshell.models import file
from seqshell.session.branches import Branch, Branches, Return
from seqshell.session.cursor import Live
from seqshell.session.packing import array_of, as_tensor, plain, stacked, unstacked
from seqshell.session.snapshots import Snapshot, Store
from seqshell.session.timeline import STRIDE, Read, Source, Timeline

Available = Mapping[str, type[Any]]
RUNS: Mapping[str, type[Any]] = {
    "first": np.int64,
    "parent": np.int64,
    "turn": np.int64,
    "read": np.int8,
    "seed": np.uint64,
    "retry": np.uint64,
}


@dataclass(frozen=True)
class SavedModel:
    """The model that a saved session needs."""

    name: str
    path: str | None
    fingerprint: str


@dataclass(frozen=True)
class Saved:
    """What a session consists of beside its model and settings."""

    live: Live
    branches: Branches
    chain: tuple[Sampler, ...]
    strategy: Strategy
    seed: int
    retry: int
    turn: int


def saved_model(path: Path) -> SavedModel:
    """The model that a saved session names. CheckpointError when the file is none."""
    header = file.read_header(path)
    model = header.get("model")
    if header["kind"] != "session":
        raise CheckpointError(f"{path.name} is a model, not a saved session; /load opens it")
    if (
        not isinstance(model, dict)
        or not isinstance(model.get("name"), str)
        or not isinstance(model.get("fingerprint"), str)
    ):
        raise CheckpointError(f"{path.name} does not say which model it needs")
    return SavedModel(
        model["name"], model["path"] if isinstance(model.get("path"), str) else None, model["fingerprint"]
    )


def write(path: Path, saved: Saved, samplers: Available, strategies: Available) -> None:
    """Write a session; the old file or the new one is there whatever happens. CheckpointError when it cannot be written."""
    live, timeline = saved.live, saved.live.timeline
    model = live.model
    kept = _worth_keeping(live, saved.branches)
    chains: list[tuple[Sampler, ...]] = [saved.chain]
    memories = []
    remembered = {node: (values, chain) for node, values, chain in live.store.remembered()}
    remembered.update(
        {
            each.node: (each.memories, each.samplers)
            for each in kept
            if any(memory is not None for memory in each.memories)
        }
    )
    for node, (values, chain) in sorted(remembered.items()):
        if chain not in chains:
            chains.append(chain)
        memories.append([node, chains.index(chain), list(values)])
    header = {
        "kind": "session",
        "model": {
            "name": model.name,
            "path": str(model.path.resolve()) if model.path else None,
            "fingerprint": model.fingerprint,
        },
        "architecture": model.architecture,
        "seed": saved.seed,
        "retry": saved.retry,
        "turn": saved.turn,
        "here": live.here.node,
        "strategy": format_strategy(saved.strategy, strategies),
        "chains": [format_chain(chain, samplers) for chain in chains],
        "branch": saved.branches.current.name,
        "branches": [asdict(branch) for branch in saved.branches],
    }
    try:
        text = json.dumps(memories, default=plain).encode()
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path.name}: what a sampler remembers is neither JSON values nor arrays: {error}"
        ) from None
    whole = [snapshot for snapshot in kept if snapshot.outputs is not None]
    sizes = np.diff([*timeline.first, len(timeline)])  # a run without a node was broken off by KeyboardInterrupt
    tensors: dict[str, NDArray[Any]] = {
        f"runs.{name}": np.array(getattr(timeline, name), kind)[sizes > 0] for name, kind in RUNS.items()
    }
    tensors["ids"] = np.array(timeline.ids, np.int32)
    tensors["kept"] = np.array([snapshot.node for snapshot in kept], np.int64)
    tensors["whole"] = np.array([snapshot.node for snapshot in whole], np.int64)
    tensors["memories"] = np.frombuffer(text, np.uint8)
    if timeline.sources:
        tensors["sources"] = as_tensor(
            [[node, source.text, source.ids, source.prefix] for node, source in timeline.sources.items()]
        )
    if timeline.sources or timeline.words:
        tensors["words"] = as_tensor(list(timeline.words.items()))
    if isinstance(model.tokenizer, Values):
        tensors["values"] = model.tokenizer.table
    if whole:
        tensors["outputs"] = np.concatenate([snapshot.outputs for snapshot in whole if snapshot.outputs is not None])
    if kept:
        columns = zip(*(named_leaves(snapshot.state) for snapshot in kept), strict=True)
        for column in columns:
            tensors.update(stacked(column[0][0], [leaf for _, leaf in column]))
    file.write(path, header, tensors)


def read(path: Path, live: Live, samplers: Available, strategies: Available) -> Saved:
    """Bring a saved session back into a live moment of its model. CheckpointError when it is damaged or another model's."""
    wanted = saved_model(path)
    if wanted.fingerprint != live.model.fingerprint:
        raise CheckpointError(
            f"{path.name} was saved with the model {wanted.name} (fingerprint {wanted.fingerprint[:12]}), "
            f"and {live.model.name} has other weights ({live.model.fingerprint[:12]})",
            hint=f"open it with the model {wanted.path or wanted.name}",
        )
    header, tensors = file.read(path)
    try:
        return _rebuilt(header, tensors, live, samplers, strategies)
    except UsageError as error:
        raise CheckpointError(f"{path.name} needs a sampler or strategy that is not here: {error.message}") from None
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path.name} is damaged: {type(error).__name__}: {error}") from error


def _worth_keeping(live: Live, branches: Branches) -> list[Snapshot]:
    """The snapshots that go into the file, in the order of their nodes; roots are made anew."""
    timeline, store = live.timeline, live.store
    nodes: set[int] = {branch.node for branch in branches}
    for run in range(timeline.num_runs):
        first = timeline.first[run]
        end = timeline.first[run + 1] if run + 1 < timeline.num_runs else len(timeline)
        if timeline.read[run] == Read.FOUND and timeline.source(first) is None:
            nodes.update(range(first, end))
        elif timeline.read[run] != Read.ROOT:
            nodes.update(range(first + (-(timeline.base[run] + 1)) % STRIDE, end, STRIDE))
    nodes = {node for node in nodes if timeline.ids[node] >= 0}
    found = {node: snapshot for node in nodes if (snapshot := store.get(node)) is not None}
    if live.here.node in nodes:
        found[live.here.node] = live.here
    return [found[node] for node in sorted(found)]


def _rebuilt(
    header: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    live: Live,
    samplers: Available,
    strategies: Available,
) -> Saved:
    if isinstance(live.model.tokenizer, Values):
        live.model.tokenizer.fill(tensors["values"])
    size = live.model.tokenizer.size
    timeline = _timeline(tensors, size, live.timeline.stride)
    _read_sources(tensors, timeline, live)
    _read_words(tensors, timeline)
    chains = [parse_chain(text, samplers) for text in header["chains"]]
    memories = {}
    for node, chain, values in json.loads(tensors["memories"].tobytes(), object_hook=array_of):
        memories[node] = tuple(values), chains[chain]
        if not 0 <= node < len(timeline) or len(values) != len(chains[chain]):
            raise ValueError("a sampler's memory belongs to no token")
    store = Store(timeline, live.store.budget)
    snapshots = {snapshot.node: snapshot for snapshot in _snapshots(tensors, live, timeline, memories)}
    for node in sorted(snapshots):
        store.add(snapshots[node])
    for node, (values, chain) in memories.items():
        if node not in snapshots:
            store.restore_memories(node, values, chain)
    branches = Branches.rebuilt([_branch(data, len(timeline)) for data in header["branches"]], header["branch"])
    live.timeline, live.store = timeline, store
    live.here = next(iter(snapshots.values()))  # not the one of before, which has nodes of another timeline
    node = header["here"]
    here = live.moment(node) if node in timeline.sources else snapshots[node]
    if here.outputs is None or branches.current.node != here.node:
        raise ValueError("the live moment is not whole")
    live.here = here
    draw = Draw(*(_whole(header[name], 2**64) for name in ("seed", "retry")))
    strategy = parse_strategy(header["strategy"], strategies)
    return Saved(live, branches, chains[0], strategy, draw.seed, draw.retry, _whole(header["turn"], 2**62))


def _timeline(tensors: Mapping[str, NDArray[Any]], size: int, stride: int) -> Timeline:
    """All runs again, one after the other, so that what is derived from them is right whatever the file says."""
    timeline = Timeline(stride)
    ids = tensors["ids"].tolist()
    columns = [tensors[f"runs.{name}"].tolist() for name in RUNS]
    firsts = columns[0]
    for number, (first, parent, turn, read, seed, retry) in enumerate(zip(*columns, strict=True)):
        end = firsts[number + 1] if number + 1 < len(firsts) else len(ids)
        tokens, draw = ids[first:end], Draw(seed, retry)
        if first != len(timeline) or not (0 <= parent < first or parent == -1 == -first - 1):
            raise ValueError("a run does not begin where the one before it ends")
        if read == Read.ROOT:
            timeline.begin_root(parent, turn, draw)
            fits = tokens == [-1]
        else:
            timeline.begin(parent, turn, Read(read), draw)
            timeline.extend(tokens)
            fits = all(0 <= token < size for token in tokens)
        if not fits:
            raise ValueError("a token is not in the vocabulary")
    return timeline


def _read_sources(tensors: Mapping[str, NDArray[Any]], timeline: Timeline, live: Live) -> None:
    """What the roots of translations carry, where there are any."""
    if "sources" not in tensors:
        return
    assert live.model.source_tokenizer is not None
    sizes = live.model.source_tokenizer.size, live.model.tokenizer.size
    for node, text, ids, prefix in json.loads(tensors["sources"].tobytes()):
        for numbers, size in zip((ids, prefix), sizes, strict=True):
            for number in numbers:
                _whole(number, size)
        if timeline.ids[_whole(node, len(timeline))] >= 0 or not ids or not isinstance(text, str):
            raise ValueError("a source does not stand at a root")
        timeline.sources[node] = Source(text, tuple(ids), tuple(prefix))


def _read_words(tensors: Mapping[str, NDArray[Any]], timeline: Timeline) -> None:
    """The words that stand for unknown ones, where there are any."""
    for node, text in json.loads(tensors["words"].tobytes()) if "words" in tensors else ():
        if timeline.ids[_whole(node, len(timeline))] < 0 or not isinstance(text, str):
            raise ValueError("a word stands for no token")
        timeline.words[node] = text


def _snapshots(
    tensors: Mapping[str, NDArray[Any]], live: Live, timeline: Timeline, memories: Mapping[int, Any]
) -> Iterable[Snapshot]:
    template = live.reader.initial_state(1)
    for run in range(timeline.num_runs):
        if timeline.read[run] == Read.ROOT and timeline.first[run] not in timeline.sources:
            yield Snapshot(timeline.first[run], template, live.no_outputs())
    kept = tensors["kept"].tolist()
    if not kept:
        return
    if any(not 0 <= node < len(timeline) or timeline.ids[node] < 0 for node in kept):
        raise ValueError("a snapshot belongs to no token")
    likes = list(_likes(kept, template, live, timeline))
    names = [name for name, _ in named_leaves(template)]
    columns = [unstacked(name, tensors, like) for name, like in zip(names, zip(*likes, strict=True), strict=True)]
    rows = zip(*columns, strict=True) if columns else [()] * len(kept)  # a model that reads a text at once has no state
    outputs = {
        node: row.copy()
        for node, row in zip(tensors["whole"].tolist(), tensors.get("outputs", np.zeros((0, 0)))[:, None], strict=True)
    }
    if any(row.shape != (1, *live.reader.shape) for row in outputs.values()):
        raise ValueError("the outputs do not fit the model")
    for node, row in zip(kept, rows, strict=True):
        state = replace_leaves(map_leaves(lambda leaf: leaf, template), iter(row))
        yield Snapshot(node, state, outputs.get(node), *memories.get(node, ((), ())))


def _likes(kept: Iterable[int], template: State, live: Live, timeline: Timeline) -> Iterable[list[NDArray[Any]]]:
    """For each node the leaves of a state of the model; their shapes may depend on the length of a source."""
    known = {0: list(leaves(template))}
    for node in kept:
        source = timeline.source(node)
        length = len(source.ids) if source is not None else 0
        if source is not None and length not in known:
            known[length] = list(leaves(live.reader.begin(source.ids)[1]))
        yield known[length]


def _branch(data: Mapping[str, Any], num_nodes: int) -> Branch:
    values = dict(data)
    values["returns"] = [
        Return(**{key: _whole(value, 2**64) for key, value in each.items()}) for each in values["returns"]
    ]
    branch = Branch(**values)
    nodes = [branch.node, *(node for each in branch.returns for node in (each.left, each.node))]
    for node in nodes:
        _whole(node, num_nodes)
    _whole(branch.retry, 2**64)
    _whole(branch.fork, num_nodes)
    _whole(branch.point + 1, num_nodes + 1)
    _whole(branch.turn, 2**62)
    return branch


def _whole(value: Any, limit: int) -> int:
    if type(value) is not int or not 0 <= value < limit:
        raise ValueError(f"{value!r:.40} is no number below {limit}")
    return value
