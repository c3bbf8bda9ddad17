"""Importers: readers of other programs' model files, one module for each format.

The order below is the one in which they are asked; state_dict, which takes any weights of nn.RNN, nn.LSTM or nn.GRU
layers, comes last.
"""

from __future__ import annotations

from collections.abc import Iterator

import seqshell
from seqshell import Lazy


@seqshell.hookimpl
def seqshell_importers() -> Iterator[Lazy]:
    """Offer the importers by name. Their modules are imported when a file is read."""
    yield Lazy("min_char_rnn", "seqshell_importers.min_char_rnn:read_min_char_rnn")
    yield Lazy("char_rnn_js", "seqshell_importers.char_rnn_js:read_char_rnn_js")
    yield Lazy("flair", "seqshell_importers.flair:read_flair")
    yield Lazy("ml5", "seqshell_importers.ml5:read_ml5")
    yield Lazy("textgenrnn", "seqshell_importers.textgenrnn:read_textgenrnn")
    yield Lazy("keras", "seqshell_importers.keras:read_keras_model")
    yield Lazy("onnx", "seqshell_importers.onnx:read_onnx_model")
    yield Lazy("names_tutorial", "seqshell_importers.names_tutorial:read_names_tutorial")
    yield Lazy("g2p_en", "seqshell_importers.g2p_en:read_g2p_en")
    yield Lazy("encoder_decoder", "seqshell_importers.encoder_decoders:read_encoder_decoder")
    yield Lazy("state_dict", "seqshell_importers.state_dict:read_state_dict")
