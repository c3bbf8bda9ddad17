"""A checkpoint of a language model: one tokenizer, and one logit for each token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqshell.host import Registry
from seqshell.models.task_parts.parts import NUM_ROWS, NUM_STEPS, Contents, Inputs, TaskParts
from seqshell.models.tokenizer_header import check_size, read_tokenizers


class GenerateParts(TaskParts):
    """One tokenizer."""

    def read(self, header: Mapping[str, Any], config: Any, registry: Registry) -> Contents:
        """Read the tokenizer."""
        tokenizer, _ = read_tokenizers(header, registry)
        check_size(tokenizer, config, self.vocab_field)
        return Contents(tokenizer)

    def output_shape(self, contents: Contents) -> tuple[tuple[int, ...], str]:
        """[V]."""
        return (contents.tokenizer.size,), f"its tokenizer has {contents.tokenizer.size} tokens"

    def random_inputs(self, config: Any) -> Inputs:
        """Ids of the whole vocabulary."""
        import numpy as np

        return Inputs(np.random.default_rng(0).integers(0, config.vocab_size, (NUM_ROWS, NUM_STEPS)))
