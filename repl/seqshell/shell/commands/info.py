"""/info: describes a model by the header of its checkpoint and the shapes of its tensors, without torch."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Data, Event, Table, Tables
from seqshell.core.model import Architecture, Model, Series
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.state import as_array, named_leaves
from seqshell.core.text_output import cell
from seqshell.models.summary import title

if TYPE_CHECKING:
    from seqshell.core.tokenizers import Tokenizer
    from seqshell.shell.shell import Shell

Row = tuple[str, str, str]  # a name with its indentation, a shape, a number of parameters


@command("info", aliases=("show",), purpose="looking")
def info(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Describe the current model: parts, shapes, parameters, tokenizer and training; the state does not change.

    >>> /info
    """
    if arguments.words:
        word = arguments.words[0]
        raise UsageError(f"unexpected {word!r}; /info describes the current model, /load {word} opens another")
    model = shell.session.model
    architecture = shell.registry.architectures.get(model.architecture)
    owner = str(model.header.get("owner", ""))
    trained = {key: written(value) for key, value in model.header.get("provenance", {}).items() if key != "recipe"}
    parts = (
        facts(_described(model, architecture, owner, str(shell.settings.get("unit")))),
        _aligned(module_tree(_shapes(model))),
        _aligned(_state_rows(model)),
        facts(trained),
    )
    yield Tables(tuple(part for part in parts if part.rows))
    yield Data(
        {
            "model": model.name,
            "task": str(model.task),
            "architecture": model.architecture,
            "owner": owner,
            "parameters": model.num_parameters,
            "vocabulary": model.tokenizer.size,
            "fingerprint": model.fingerprint,
            "backend": model.backend,
            "threads": model.num_threads,
            "weights": model.weights,
            **({"logit_error": vars(model.logit_error)} if model.logit_error is not None else {}),
            **({"runs_in_torch": reason} if (reason := model.header.get("runs_in_torch")) else {}),
        }
    )


def _described(model: Model, architecture: Architecture | None, owner: str, unit: str) -> dict[str, str]:
    """What the header says about the model."""
    return {
        "model": f"{model.name} ({model.task})" + (f", {model.path}" if model.path else ""),
        "summary": title("", model.header, unit=unit).removeprefix(": "),
        "about": model.header.get("about", ""),
        "architecture": " ".join(
            filter(None, (model.architecture, f"from {owner}" if owner else "", model.header.get("owner_version", "")))
        ),
        "source": source_file(architecture) if architecture else "",
        "runs in torch": model.header.get("runs_in_torch", ""),
        "backend": _backend(model, architecture),
        "weights": f"{model.weights}: {model.logit_error}" if model.logit_error is not None else "",
        "settings": written(model.header.get("config", {})),
        "source tokens": _vocabulary(model.source_tokenizer) if model.source_tokenizer else "",
        "tokenizer": _vocabulary(model.tokenizer) if model.series is None else "",
        "series": _series(model.series) if model.series is not None else "",
        "parameters": f"{model.num_parameters:,}",
        "fingerprint": model.fingerprint[:16],
    }


def _backend(model: Model, architecture: Architecture | None) -> str:
    """What computes the model's outputs, and why it is not compiled code if there could be some."""
    if model.backend == "numpy" and architecture is not None and len(architecture.decoders) > 1:
        from seqshell.kernels.loading import kernels

        try:
            kernels()
        except ImportError as error:
            return f"numpy: {error}"
        return "numpy: it was opened before its steps were compiled"
    return model.backend if model.num_threads == 1 else f"{model.backend}, {model.num_threads} threads"


def _vocabulary(tokenizer: Tokenizer) -> str:
    return f"{tokenizer.name}, vocabulary of {tokenizer.size:,}"


def _series(series: Series) -> str:
    """The columns with their scales, the number of steps of a forecast, and the quantiles."""
    scales = zip(series.columns, series.mean, series.std, strict=True)
    columns = ", ".join(f"{name} (mean {mean:.4g}, deviation {std:.4g})" for name, mean, std in scales)
    if series.scales:
        columns = f"{len(series.scales):,} series by {series.series_column}, such as {series.scales[0].name}: {columns}"
    steps = f"{series.horizon} steps at once" if series.horizon > 1 else "one step at a time, from its own forecasts"
    shares = f", quantiles {', '.join(f'{share:g}' for share in series.quantiles)}" if series.quantiles else ""
    return f"{columns}; {steps}{shares}"


def facts(found: Mapping[str, str]) -> Table:
    """One fact a row; empty ones are left out."""
    return Table(("", ""), tuple((name, value) for name, value in found.items() if value))


def written(value: Any) -> str:
    """A value of the header as text; for a table of tables, `nats: carry 1.47, blocks256 1.48; ...`."""
    if isinstance(value, Mapping):
        nested = any(isinstance(inner, Mapping) for inner in value.values())
        return ("; " if nested else ", ").join(
            f"{key}{':' if isinstance(inner, Mapping) else ''} {written(inner)}" for key, inner in value.items()
        )
    if isinstance(value, list):
        return ", ".join(map(written, value))
    return cell(value, ".4g")


def source_file(architecture: Architecture) -> str:
    """The source file of an architecture's model, found without importing it."""
    if not isinstance(architecture.model, str):
        return inspect.getsourcefile(inspect.unwrap(architecture.model)) or ""
    try:
        found = importlib.util.find_spec(architecture.model.partition(":")[0])
    except (ImportError, ValueError):
        return ""
    return found.origin or "" if found else ""


def _shapes(model: Model) -> Mapping[str, tuple[int, ...]]:
    """The tensors in the model's file; none if there is no file."""
    from seqshell.models.file import read_types

    try:
        return {name: shape for name, (_, shape) in read_types(model.path).items()} if model.path else {}
    except SeqshellError:
        return {}


def module_tree(shapes: Mapping[str, tuple[int, ...]]) -> list[Row]:
    """The tree of a module by the names of its tensors: parts with their parameters, tensors with their shapes.

    {"readout.weight": (65, 512), "readout.bias": (65,)}  ->  readout 33,345 · weight [65, 512] 33,280 · bias [65] 65
    """
    return _branches({tuple(name.split(".")): shape for name, shape in shapes.items()}, 0)


def _branches(parts: Mapping[tuple[str, ...], tuple[int, ...]], depth: int) -> list[Row]:
    found: list[Row] = []
    for first in dict.fromkeys(path[0] for path in parts):
        below = {path[1:]: shape for path, shape in parts.items() if path[0] == first}
        name = first
        while (
            len({path[:1] for path in below}) == 1 and () not in below
        ):  # a part that only holds another part shares its line
            (step,) = {path[0] for path in below}
            name, below = f"{name}.{step}", {path[1:]: shape for path, shape in below.items()}
        shape = below.pop((), None)
        count = _size(shape) if shape is not None else sum(map(_size, below.values()))
        found.append(("  " * depth + name, _shape(shape) if shape is not None else "", f"{count:,}"))
        found += _branches(below, depth + 1)
    return found


def _state_rows(model: Model) -> list[Row]:
    """The leaves of the state, without the batch axis."""
    leaves = [(name, as_array(leaf)) for name, leaf in named_leaves(model.decoder.initial_state(1))]
    return [(name, f"{_shape(tuple(leaf.shape[1:]))} {leaf.dtype}", f"{leaf.nbytes:,} bytes") for name, leaf in leaves]


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _shape(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _aligned(rows: list[Row]) -> Table:
    """The rows, with the numbers aligned to the right."""
    width = max((len(size) for _, _, size in rows), default=0)
    return Table(("", "", ""), tuple((name, shape, size.rjust(width)) for name, shape, size in rows))
