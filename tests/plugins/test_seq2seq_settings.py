"""The encoder-decoders refuse invalid settings and weights, and torch is not imported to decode."""

import subprocess
import sys

import numpy as np
import pytest
from tests.plugins.seq2seq_models import TARGET_SIZE, make, weights

from seqshell import CheckpointError, UsageError
from seqshell_seq2seq.attention_decoders import AttentionSeq2SeqDecoder


def test_the_error_for_invalid_weights_names_the_tensor():
    module, _ = make("attention_seq2seq", {"attention": "additive"})
    incomplete = weights(module)
    del incomplete["attention.query_of.weight"]
    with pytest.raises(CheckpointError, match=r"the checkpoint lacks the tensor attention\.query_of\.weight"):
        AttentionSeq2SeqDecoder(module.config, incomplete)
    with pytest.raises(
        CheckpointError, match=r"the tensor bridge\.hidden\.weight is \[2, 2\]; the config requires \[6, 8\]"
    ):
        AttentionSeq2SeqDecoder(module.config, weights(module) | {"bridge.hidden.weight": np.zeros((2, 2), np.float32)})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "attention_seq2seq",
            {"attention": "dotted"},
            "attention must be dot, general, additive, concat or position, not 'dotted'",
        ),
        (
            "attention_seq2seq",
            {"attention": "dot"},
            "dot attention needs hidden_size equal to the size of the encoder's outputs, but they are 6 and 8",
        ),
        (
            "attention_seq2seq",
            {"placement": "before", "input_feeding": True},
            "input_feeding needs placement = after",
        ),
        (
            "attention_seq2seq",
            {"readout_inputs": "all", "input_feeding": True},
            "input_feeding needs readout_inputs = attentional",
        ),
        (
            "attention_seq2seq",
            {"readout_inputs": "hidden", "tied": True},
            "tied needs a read-out of size 5, embed_size, but with readout_inputs = hidden it reads 6 values",
        ),
        ("attention_seq2seq", {"attention": "position"}, "position attention needs placement = before"),
        (
            "attention_seq2seq",
            {
                "attention": "position",
                "placement": "before",
                "copy": True,
                "coverage_weight": 1.0,
                "source_vocab_size": TARGET_SIZE,
            },
            "coverage_weight needs another attention than position",
        ),
        ("seq2seq", {"readout_inputs": "all"}, "readout_inputs = all needs feed_context = true"),
        ("seq2seq", {"reset": "before"}, "reset = before needs cell = gru, not lstm"),
        (
            "seq2seq",
            {"bridge": "directions"},
            "bridge = directions needs hidden_size equal to encoder_size .* 6 and 4, and there are 2 states for 1",
        ),
        ("seq2seq", {"shared_embedding": True}, "shared_embedding needs one vocabulary"),
        ("seq2seq", {"cell": "sru"}, "cell must be rnn, lstm or gru, not 'sru'"),
    ],
)
def test_invalid_settings_are_refused(name, settings, message):
    with pytest.raises(UsageError, match=message):
        make(name, settings)


def test_offering_an_architecture_and_decoding_do_not_import_torch():
    program = """
import sys
import numpy as np
from seqshell_seq2seq import seqshell_architectures
from seqshell.host import resolve
for architecture in seqshell_architectures():
    resolve(architecture.config), resolve(architecture.decoder)
print("torch" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
