"""A checkpoint of a translation model: two tokenizers, and a decoder that starts from an encoded source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from seqshell.core.errors import CheckpointError
from seqshell.core.tokenizers import BOS, EOS, PAD, UNK
from seqshell.host import Registry
from seqshell.models.task_parts.parts import NUM_STEPS, Contents, Inputs, TaskParts
from seqshell.models.tokenizer_header import check_tokenizer, read_tokenizers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.decoder import Decoder, SourceDecoder
    from seqshell.core.state import State

LENGTHS = (7, 1, 12, 3)  # of the random sources, EOS counted; the second one is empty


class TranslateParts(TaskParts):
    """Two tokenizers, the same object if source and target share one."""

    vocab_field = output_field = "target_vocab_size"
    module_methods = ("initial_state", "forward", "encode")

    def read(self, header: Mapping[str, Any], config: Any, registry: Registry) -> Contents:
        """Read both tokenizers."""
        tokenizer, source_tokenizer = read_tokenizers(header, registry)
        if source_tokenizer is None:
            raise CheckpointError("its task is translate, but it has no source_tokenizer")
        check_tokenizer(source_tokenizer, config, "source_vocab_size", "a translation model")
        check_tokenizer(tokenizer, config, self.vocab_field, "a translation model")
        return Contents(tokenizer, source_tokenizer)

    def output_shape(self, contents: Contents) -> tuple[tuple[int, ...], str]:
        """[V] of the target."""
        return (contents.tokenizer.size,), f"its tokenizer has {contents.tokenizer.size} tokens"

    def random_inputs(self, config: Any) -> Inputs:
        """Targets from BOS on, and padded sources, one for each of LENGTHS."""
        import numpy as np

        targets = np.random.default_rng(0).integers(UNK, config.target_vocab_size, (len(LENGTHS), NUM_STEPS))
        targets[:, 0] = BOS
        lengths = np.array(LENGTHS)
        sources = np.random.default_rng(1).integers(UNK, config.source_vocab_size, (len(LENGTHS), lengths.max()))
        sources[np.arange(lengths.max()) >= lengths[:, None]] = PAD
        sources[np.arange(len(LENGTHS)), lengths - 1] = EOS
        return Inputs(targets, sources=sources, lengths=lengths)

    def try_step(self, decoder: Decoder, contents: Contents) -> NDArray[Any]:
        """Encode an empty source and read BOS."""
        import numpy as np

        state = cast("SourceDecoder", decoder).encode(np.array([[EOS]]), np.ones(1, np.int64))
        return decoder.step(np.array([BOS]), state)[0]

    def start(self, decoder: Decoder, inputs: Inputs) -> State:
        """The states of the encoded sources."""
        assert inputs.sources is not None
        assert inputs.lengths is not None
        return cast("SourceDecoder", decoder).encode(inputs.sources, inputs.lengths)
