"""Small recurrent language models."""

import torch

from seqshell.core.plugin_api import build
from seqshell_recurrent.config import GRUConfig, LSTMConfig, RNNConfig
from seqshell_recurrent.decoders import GRUDecoder, LSTMDecoder, RNNDecoder
from seqshell_recurrent.language_models import GRULanguageModel, LSTMLanguageModel, RNNLanguageModel

FAMILIES = {
    "rnn": (RNNConfig, RNNLanguageModel, RNNDecoder, 1),
    "lstm": (LSTMConfig, LSTMLanguageModel, LSTMDecoder, 4),
    "gru": (GRUConfig, GRULanguageModel, GRUDecoder, 3),
}
V, E, H = 7, 5, 6
TOKENS = torch.arange(12).reshape(2, 6) % V


def make(name, **settings):
    config_type, model_type, decoder_type, _ = FAMILIES[name]
    torch.manual_seed(1)
    config = build(config_type, {"vocab_size": V, "embed_size": E, "hidden_size": H} | settings)
    return config, model_type(config), decoder_type
