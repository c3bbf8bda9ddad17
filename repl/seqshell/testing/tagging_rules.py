"""Further rules for decoders of TAG: the outputs of every token, whatever the padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqshell.core.tokenizers import PAD
from seqshell.testing.classification_rules import ragged
from seqshell.testing.compare import difference
from seqshell.testing.decoder_rules import EQUAL
from seqshell.testing.examples import Example


def token_outputs(own: Any, module: Any, example: Example) -> str:
    """Compare the outputs of every token of padded texts with those of the module, which reads each text alone."""
    texts = ragged(example)
    outputs = own.token_outputs(texts)
    if outputs.shape[:2] != texts.shape:
        return f"token_outputs {list(outputs.shape)} instead of [{texts.shape[0]}, {texts.shape[1]}, ...]"
    for row, text in enumerate(texts):
        length = int((text != PAD).sum())
        expected = module.token_outputs(text[None, :length])[0]
        if seen := difference(f"token_outputs of row {row}", outputs[row, :length], expected, EQUAL):
            return seen
        last = own.feed(text[None, :length], own.initial_state(1))[0][0]
        if seen := difference("the last of token_outputs", np.asarray(expected[-1]), last, EQUAL):
            return f"{seen}, which feed returns"
    return ""
