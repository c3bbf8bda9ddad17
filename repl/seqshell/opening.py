"""From a checkpoint's name to a model and a session on it, and from a torch module to a checkpoint.

torch is imported only for models without a decoder of their own, and when a module is saved.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell import __version__, builtin, checkpoint, places
from seqshell.errors import CheckpointError, SeqshellError, UsageError
from seqshell.host import Policy, Registry, build_registry, resolve
from seqshell.models import Architecture, Model, Task
from seqshell.offers import Setting, settings_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.decoder import Decoder
    from seqshell.session import Session
    from seqshell.tokenizers import Tokenizer

    Weights = Mapping[str, NDArray[Any]]

MAX_DIFFERENCE = 1e-4  # between the logits of a module and of its decoder, in float32
PROBE = (2, 24)  # rows and steps over which they are compared


def load_registry(policy: Policy | None = None, *, modules: Iterable[Any] = ()) -> Registry:
    """What seqshell itself, the built-in plugins and the user's plugins offer. `modules`: further plugins as objects."""
    return build_registry([builtin], policy, modules=tuple(modules))


def open(name: str | Path, *, registry: Registry | None = None, seed: int = 0) -> Session:
    """A live session on a checkpoint, by name or path: no terminal, and no torch where the architecture has a decoder."""
    registry = registry or load_registry()
    return start_session(open_model(name, registry), registry, seed=seed)


def start_session(model: Model, registry: Registry, *, seed: int = 0, snapshot_mb: float = 256) -> Session:
    """A session at the initial state, with the strategy and the sampler chain that the checkpoint wishes for. UsageError when they cannot be had."""
    from seqshell.decoding.words import parse_chain, parse_strategy
    from seqshell.session import Session

    session = Session(model, samplers=registry.samplers, strategies=registry.strategies, seed=seed, snapshot_mb=snapshot_mb)
    defaults = model.header.get("defaults", {})
    try:
        if defaults.get("sampler"):
            session.chain = parse_chain(str(defaults["sampler"]), registry.samplers)
        if defaults.get("strategy"):
            session.strategy = parse_strategy(str(defaults["strategy"]), registry.strategies)
    except UsageError as error:
        raise CheckpointError(f"{model.name} wishes for a sampler or strategy that is not here: {error.message}") from None
    return session


def open_model(word: str | Path, registry: Registry) -> Model:
    """The model of a name or path. CheckpointError says what is wrong with the file, or which plugin it needs."""
    path = places.find_checkpoint(word, registry.checkpoint_folders)
    header, weights = checkpoint.read(path)
    if header["kind"] != "model":
        raise CheckpointError(f"{path.name} is a saved session, not a model", hint=f"/restore {word}")
    known, architecture = find_architecture(header, registry, path.name)
    try:
        config = read_config(architecture, header["config"])
        tokenizer = _tokenizer(header["tokenizer"], registry)
        decoder = _decoder(architecture, config, weights)
        _try(decoder, architecture, tokenizer)
    except CheckpointError as error:
        raise CheckpointError(f"{path.name}: {error.message}") from None
    return Model(
        name=path.name.removesuffix(places.ENDING),
        task=architecture.task,
        architecture=known,
        decoder=decoder,
        tokenizer=tokenizer,
        fingerprint=checkpoint.fingerprint(header, weights),
        causal=architecture.causal,
        path=path,
        header=header,
        num_parameters=header.get("parameters", sum(values.size for values in weights.values())),
    )


def find_architecture(header: Mapping[str, Any], registry: Registry, name: str) -> tuple[str, Architecture]:
    """The architecture that a checkpoint (called `name`) was made with, of the plugin that made it, and what it is called here.

    CheckpointError, with what is installed, when no plugin offers it.
    """
    wanted, owner = header["architecture"], header.get("owner", "")
    offers = registry.architectures
    known = offers.of(owner, wanted) if owner else wanted
    if known is None or known not in offers:
        whose = f" of the plugin {owner}" if owner else ""
        failed = [error.message for error in registry.problems if owner and error.plugin == owner]
        reason = f"; {failed[0]}" if failed else ""
        raise CheckpointError(
            f"{name} needs the architecture {wanted!r}{whose}, which no plugin offers; installed: {', '.join(sorted(offers)) or 'none'}{reason}",
            hint="seqshell plugins list",
        )
    architecture: Architecture = offers[known]
    if architecture.task != header["task"]:
        raise CheckpointError(f"{name} was made for the task {header['task']}, but {known} is for {architecture.task}")
    return known, architecture


def read_config(architecture: Architecture, values: Mapping[str, Any]) -> Any:
    """An architecture's config from JSON values, each of its field's type and in its range. CheckpointError names the field."""
    offered = resolve(architecture.config)
    known = {setting.name: setting for setting in settings_of(offered)}
    hints = typing.get_type_hints(offered)
    for key, value in values.items():
        if key not in known:
            raise CheckpointError(f"the architecture {architecture.name} has no setting {key!r}; a newer version of its plugin may have")
        _check_value(known[key], hints[key], value)
    try:
        return offered(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the config does not fit the architecture {architecture.name}: {error}") from None


def _check_value(setting: Setting, hint: Any, value: Any) -> None:
    """Plain numbers and texts are checked; what a plugin's config makes of other types is its own affair."""
    fits = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}
    if hint in fits:
        if type(value) not in fits[hint]:
            raise CheckpointError(f"the setting {setting.name} cannot be {value!r:.60}")
        try:
            setting.parse(value)
        except UsageError as error:
            raise CheckpointError(error.message) from None


def _tokenizer(data: Mapping[str, Any], registry: Registry) -> Tokenizer:
    values = dict(data)
    name = values.pop("name", None)
    if not isinstance(name, str) or name not in registry.tokenizers:
        raise CheckpointError(f"it needs the tokenizer {name!r}, which no plugin offers; installed: {', '.join(sorted(registry.tokenizers))}")
    offered: type[Tokenizer] = registry.tokenizers[name]
    try:
        return offered.from_json(values)
    except SeqshellError:
        raise
    except Exception as error:
        raise CheckpointError(f"the tokenizer {name} cannot be read: {type(error).__name__}: {error}") from error


def _decoder(architecture: Architecture, config: Any, weights: Weights) -> Decoder:
    """The architecture's own decoder, else its torch module behind one."""
    try:
        if architecture.decoder is not None:
            decoder: Decoder = resolve(architecture.decoder)(config, weights)
            return decoder
        return _torch_decoder(architecture, config, weights)
    except SeqshellError:
        raise
    except Exception as error:
        raise CheckpointError(f"the weights do not fit the architecture {architecture.name}: {type(error).__name__}: {error}") from error


def _torch_decoder(architecture: Architecture, config: Any, weights: Weights) -> Decoder:
    """The module with these weights. It is measured on the meta device first: a config may claim any size, and there it costs nothing."""
    import torch

    from seqshell.decoding.torch_decoder import TorchDecoder

    build = resolve(architecture.model)
    held = {name: values.shape for name, values in weights.items()}
    try:
        with torch.device("meta"):
            claimed = {name: tuple(value.shape) for name, value in build(config).state_dict().items()}
    except Exception:  # a module may need real numbers while it is built; load_state_dict checks the shapes of those
        claimed = held
    for name in sorted(claimed.keys() | held.keys()):
        if claimed.get(name) != held.get(name):
            raise CheckpointError(
                f"the weights do not fit the architecture {architecture.name}: {name} is {held.get(name, 'missing')}, "
                f"and the config means {claimed.get(name, 'none')}"
            )
    module = build(config)
    module.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    return TorchDecoder(module, causal=architecture.causal)


def _try(decoder: Decoder, architecture: Architecture, tokenizer: Tokenizer) -> None:
    """One step from the initial state: better an error now than in the middle of an answer."""
    import numpy as np

    if architecture.task is not Task.GENERATE:
        return
    try:
        outputs, _ = decoder.step(np.zeros(1, np.int64), decoder.initial_state(1))
    except Exception as error:
        raise CheckpointError(f"the architecture {architecture.name} fails with these weights: {type(error).__name__}: {error}") from error
    if outputs.shape != (1, tokenizer.size):
        raise CheckpointError(f"the model gives outputs of the shape {outputs.shape}, and its tokenizer has {tokenizer.size} tokens")
    if not np.isfinite(outputs).all():
        raise CheckpointError("the model gives outputs that are no numbers")


def save_checkpoint(
    path: str | Path,
    *,
    architecture: str,
    module: Any,
    tokenizer: Tokenizer,
    data: str = "",
    config: Any = None,
    defaults: Mapping[str, Any] | None = None,
    examples: Iterable[str] = (),
    about: str = "",
    provenance: Mapping[str, Any] | None = None,
    dtype: typing.Literal["float32", "float16"] = "float32",
    registry: Registry | None = None,
) -> Path:
    """Write a trained torch module as a checkpoint that `seqshell -m` opens, and return where it was written.

    path: a name goes to the user's models folder. architecture: its name, or owner/name. config: default, module.config.
    data: what it was trained on, in words. defaults: how the model wants to be used ("strategy", "sampler", "max_tokens").
    dtype: how floating-point weights are stored; integers keep their kind.
    CheckpointError when the weights are not finite, when the file could not be opened again, or when the architecture's decoder
    differs from the module by more than 1e-4 in a logit.
    """
    registry = registry or load_registry()
    target = places.place(path, "models")
    offered: Architecture = registry.lookup("architecture", architecture)
    owner = registry.owner("architecture", architecture)
    settings = dataclasses.asdict(module.config if config is None else config)
    weights = _weights(module, dtype)
    described = {"name": tokenizer.name, **tokenizer.to_json()}
    header = {
        "kind": "model",
        "architecture": offered.name,
        "owner": owner,
        "owner_version": registry.plugin(owner).version,
        "task": str(offered.task),
        "config": settings,
        "tokenizer": described,
        "defaults": dict(defaults or {}),
        "examples": list(examples),
        "about": about,
        "provenance": {**({"data": {"name": data}} if data else {}), "seqshell": __version__, **(provenance or {})},
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
    }
    _tokenizer(described, registry)
    _compare(offered, read_config(offered, settings), module)
    checkpoint.write(target, header, weights)
    return target


def _weights(module: Any, dtype: str) -> dict[str, NDArray[Any]]:
    """The module's state_dict in numpy, floating-point weights as `dtype`."""
    import numpy as np
    import torch

    if dtype not in ("float32", "float16"):
        raise UsageError(f"weights are stored as float32 or float16, not {dtype!r}")
    weights = {}
    for name, value in module.state_dict().items():
        value = value.detach().cpu()
        values = (value.to(getattr(torch, dtype)) if value.is_floating_point() else value).numpy()
        if not np.isfinite(values).all():
            raise CheckpointError(f"the weight {name} holds values that are no finite {dtype}")
        weights[name] = values
    return weights


def _compare(architecture: Architecture, config: Any, module: Any) -> None:
    """CheckpointError when the architecture's own decoder and the module disagree over a few steps, both in float32."""
    if architecture.decoder is None or architecture.task is not Task.GENERATE:
        return
    import copy

    import numpy as np

    from seqshell.decoding.torch_decoder import TorchDecoder

    size = config.vocab_size
    reference = TorchDecoder(copy.deepcopy(module).float().cpu())
    decoder = _decoder(architecture, config, _weights(module, "float32"))
    tokens = np.random.default_rng(0).integers(0, size, PROBE)
    expected, state = reference.feed(tokens[:, :-1], reference.initial_state(PROBE[0]))
    found, own_state = decoder.feed(tokens[:, :-1], decoder.initial_state(PROBE[0]))
    difference = float(np.abs(expected - found).max())
    expected, _ = reference.step(tokens[:, -1], state)
    found, _ = decoder.step(tokens[:, -1], own_state)
    difference = max(difference, float(np.abs(expected - found).max()))
    if not difference <= MAX_DIFFERENCE:  # written so that NaN is refused
        raise CheckpointError(
            f"the decoder of {architecture.name} differs from its module by {difference:.2g} in a logit; {MAX_DIFFERENCE:g} is allowed"
        )
