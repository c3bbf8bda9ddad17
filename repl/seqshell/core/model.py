"""Architectures and models: the torch module that is trained, and the opened checkpoint that sessions use.

Every model has `model(inputs, state) -> (outputs, state)` and `initial_state(batch_size) -> state`. Imports neither
torch nor numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from seqshell.core.state import State
from seqshell.core.tasks import Task

if TYPE_CHECKING:
    from seqshell.core.decoder import Decoder
    from seqshell.core.tokenizers import Tokenizer


DecoderTarget: TypeAlias = "Callable[[Any, Mapping[str, Any]], Decoder] | str"


@dataclass(frozen=True)
class Architecture:
    """A family of models, as a plugin offers it.

    config: a dataclass. The host fills in the fields vocab_size, source_vocab_size, target_vocab_size, num_classes and
        num_features from the data; the other fields are the user's settings (`seqshell.setting` gives them ranges).
    model: `model(config)` is a SequenceModel, a torch module.
    decoder: `decoder(config, weights)` is a Decoder, which runs without torch; weights: arrays, named as in the
        module's state_dict. None: the host wraps the module. A tuple lists several in order of preference, such as a
        compiled one before one in numpy: the first that can be imported is used. Each must give the outputs of the
        module, else checkpoints are marked to run in torch.
    config, model, decoder and export: the object itself, or "package.module:Name", which is imported when it is first
        needed.
    summary: one line for `/architectures`.
    shares_vocabulary: True if a model that translates has one vocabulary for source and target, as one that copies
        tokens: its recipes have one [tokenizer], and source_vocab_size equals target_vocab_size.
    causal: False if the model must read a whole text at once (bidirectional).
    grows: "axis" if leaves of the state become longer along one axis with each step, and begin with what they were, as
        a transformer's cache does; "" if all keep their shapes. The host finds the axis of each leaf.
    examples: settings that `plugins check` tries too, each a mapping from fields of the config to values.
    export: `export(config, weights)` is a `seqshell.exporting.PlainModel`, for `seqshell export`; weights as for
        decoder. None: models of the architecture cannot be exported.
    """

    name: str
    task: Task
    config: type[Any] | str
    model: Callable[[Any], Any] | str
    decoder: DecoderTarget | tuple[DecoderTarget, ...] | None = None
    summary: str = ""
    causal: bool = True
    grows: Literal["", "axis"] = ""
    shares_vocabulary: bool = False
    examples: tuple[Mapping[str, Any], ...] = ()
    export: Callable[[Any, Mapping[str, Any]], Any] | str | None = None

    @property
    def decoders(self) -> tuple[DecoderTarget, ...]:
        """The decoders in order of preference; empty if there is none."""
        if self.decoder is None:
            return ()
        return self.decoder if isinstance(self.decoder, tuple) else (self.decoder,)


class SequenceModel(Protocol):
    """A model in torch: an nn.Module with these two methods. The shapes depend on the task.

    A GENERATE model may be trained by counting instead of gradient descent: its class has a method `count(ids)`,
    ids [N] int64, and no parameters. `count` is called once with all of the text. The counts are in buffers, and
    load_state_dict accepts them in any size.

    A GENERATE or TRANSLATE model may also have the two halves of `forward`: `hidden_states(inputs, state)`, which
    returns hidden states [B, T, H] and the state, and `logits(hidden)`, from [..., H] to [..., V], without dropout.
    Training then computes the logits of a large vocabulary in parts, so that they never fill the memory.

    Optional: features(state) -> [B, D], as in Decoder. Optional methods for training:
    auxiliary(outputs, targets, mask) -> {name: loss}: losses that are added to that of the task. outputs, targets: as
        the task's loss reads them, the outputs in float32; mask: bool, True where there is a target. GENERATE and
        TRANSLATE: [B, T, V], [B, T], [B, T]; TAG: [B, T, C], [B, T], [B, T]; CLASSIFY: [B, C], [B], [B]; FORECAST:
        [B, T, K, F, Q], [B, T, K, F], [B, T]. A loss is a scalar, the mean over the targets, or a tensor of the mask's
        shape, whose mean is taken.
    parameter_groups() -> a list of {"params": [...], "lr": ..., "weight_decay": ...}, as torch's optimizers take them;
        both numbers may be missing. Parameters of no group have the learning rate and the decay of the recipe.
    prepare(tokenizer, source_tokenizer, folder): sets parameters and buffers before the first step, such as embeddings
        from a file in the recipe's folder. source_tokenizer: None unless the model translates.
    """

    def initial_state(self, batch_size: int = 1) -> State:
        """Return a state with leaves [batch_size, ...], on the module's device."""

    def forward(self, inputs: Any, state: State) -> tuple[Any, State]:
        """GENERATE: inputs [B, T] int64 -> logits [B, T, V], state after the last.

        TRANSLATE: the same over the target, from BOS on.

        CLASSIFY: inputs [B, T] int64, padded right -> logits [B, T, C]; those at each row's last token are used. An
        architecture that is not causal returns [B, 1, C] for a whole text, and its states are ().

        TAG: the same, but each word has a tag, read from the logits at its last token, so an architecture that is not
        causal returns [B, T, C], too. Padding does not change the logits of a token.

        FORECAST: inputs [B, T, F] float32, normalised -> forecasts [B, T, K, F, Q], normalised, state. [:, t] are those
        of the K steps after step t, Q quantiles of each of the F columns. Q is odd, the quantiles are in order, and the
        middle one is the point forecast; Q = 1 is the point alone. If K is 1, the forecast is fed back as the next
        value for longer ones. K and Q are the config's business; the host reads them from the shape.
        """


DRAW_BLOCK = "outputs", "state", "rules", "excluded", "numbers"  # the parameters of a decoder's draw_block
SURPRISALS = "inputs", "targets", "state"  # those of its surprisals


def own_method(module: Any, name: str, *parameters: str) -> Callable[..., Any] | None:
    """An optional method that the class of a module or a decoder defines, called with these parameters.

    Modules may have had something else of this name before it had a meaning here: an attribute, such as a layer, or a
    method with other parameters. That is not the method.
    """
    if not callable(getattr(type(module), name, None)):
        return None
    method: Callable[..., Any] = getattr(module, name)
    return method if _takes(method, parameters) else None


def _takes(method: Callable[..., Any], parameters: tuple[str, ...]) -> bool:
    import inspect

    try:
        signature = inspect.signature(method)
        signature.bind(*parameters)
    except TypeError:
        return False
    except ValueError:  # it is not written in Python
        return True
    return len(parameters) != 1 or next(iter(signature.parameters)) in (*parameters, "args")


class Seq2Seq(SequenceModel, Protocol):
    """A SequenceModel over the target, for TRANSLATE; its first state comes from a source.

    initial_state(batch_size) is the encoding of an empty source, which is EOS alone.
    """

    def encode(self, source: Any, lengths: Any) -> State:
        """Encode source [B, S] int64, each row ending with EOS and padded right with PAD.

        lengths: [B], without the padding. Returns the state before BOS is read, with leaves [B, ...]. Training calls it
        once for each batch of pairs, a session once for each text. Padding must not change a row: mask it, as
        pack_padded_sequence(..., enforce_sorted=False) does. Leaves with one entry for each source token, such as the
        encoder's outputs [B, S, H] and a mask [B, S], belong into the state; `forward` returns them unchanged.
        """


@dataclass(frozen=True)
class SeriesScale:
    """The normalisation of one of several series: its name in the table's key column, and mean and std [F]."""

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """The series that a FORECAST model was trained on: the names of its columns [F], and their normalisation.

    A value x of column f is read as (x - mean[f]) / std[f].
    example: rows [M][F] of the data, oldest first, to
    start with. example_times: the times of its first rows; empty if unknown. quantiles: those that the model
    predicts, an odd number in (0, 1); empty if it predicts points. horizon: the number of steps that it predicts at
    once. scales: of several series, each with its own, in the order of the table; mean, std and example are then those
    of the first. time_column, series_column: of the table; several names are separated by commas. day_first: how to
    read dates with day and month as numbers, None if the table had none. fill: the rule for gaps.
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    time_column: str = ""
    example: tuple[tuple[float, ...], ...] = ()
    quantiles: tuple[float, ...] = ()
    horizon: int = 1
    example_times: tuple[str, ...] = ()
    series_column: str = ""
    scales: tuple[SeriesScale, ...] = ()
    day_first: bool | None = None
    fill: str = "short"


@dataclass(frozen=True)
class LogitError:
    """The error of the logits against those with weights in float32, on a text of `tokens` tokens by the model itself.

    largest, mean: absolute differences. changed: after how many tokens the most likely one is another.
    """

    largest: float
    mean: float
    changed: int
    tokens: int

    def __str__(self) -> str:
        share = f"{self.changed / self.tokens:.1%}".replace("%", " %")
        return (
            f"the logits differ by {self.mean:.2g} on average and {self.largest:.2g} at most from those in float32; "
            f"after {share} of {self.tokens} tokens another one is the most likely"
        )


@dataclass(frozen=True, eq=False)
class Model:
    """An opened checkpoint: a decoder, its tokenizer and the file's metadata. All sessions on a model share it.

    tokenizer: for the text that the model writes; source_tokenizer: for the text that it reads, if it translates.
    labels: the names of the classes or tags, by number, if it classifies or tags. series: the series, if it forecasts;
    each session then has its own tokenizer. causal, grows: those of the architecture.
    header: the metadata of the checkpoint (architecture, owner, config, defaults, examples, provenance).
    fingerprint: a hex digest of weights, config and tokenizer, by which a saved session refers to its model.
    weights: the precision of the decoder's, one of PRECISIONS. logit_error: what it costs; None for float32.
    members, shares: of an ensemble, the models whose probabilities are averaged, and their shares, which add up to 1.
    """

    name: str
    task: Task
    architecture: str
    decoder: Decoder
    tokenizer: Tokenizer
    fingerprint: str
    causal: bool = True
    path: Path | None = None
    header: Mapping[str, Any] = field(default_factory=dict, repr=False)
    num_parameters: int = 0
    source_tokenizer: Tokenizer | None = None
    labels: tuple[str, ...] = ()
    series: Series | None = None
    grows: Literal["", "axis"] = ""
    weights: str = "float32"
    logit_error: LogitError | None = None
    members: tuple[Model, ...] = ()
    shares: tuple[float, ...] = ()

    @property
    def backend(self) -> str:
        """What computes the outputs: compiled, numpy or torch, or what the decoder says of itself."""
        return str(getattr(self.decoder, "backend", "numpy"))

    @property
    def num_threads(self) -> int:
        """The number of threads of a step, as the decoder says."""
        return int(getattr(self.decoder, "num_threads", 1))
