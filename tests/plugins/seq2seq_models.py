"""Small encoder-decoders with random weights, in torch and in numpy."""

import torch

from seqshell.core.plugin_api import build
from seqshell_seq2seq.attention_decoders import AttentionSeq2SeqDecoder
from seqshell_seq2seq.attention_seq2seq import AttentionSeq2Seq
from seqshell_seq2seq.config import AttentionConfig, Seq2SeqConfig
from seqshell_seq2seq.decoders import Seq2SeqDecoder
from seqshell_seq2seq.seq2seq import Seq2Seq

E, N, H, A = 5, 4, 6, 3  # sizes: embedding, encoder per direction, decoder, hidden layer of additive attention
SOURCE_SIZE, TARGET_SIZE = 9, 11
SIZES = {"embed_size": E, "encoder_size": N, "hidden_size": H, "attention_size": A}
FAMILIES = {
    "seq2seq": (Seq2SeqConfig, Seq2Seq, Seq2SeqDecoder),
    "attention_seq2seq": (AttentionConfig, AttentionSeq2Seq, AttentionSeq2SeqDecoder),
}


def make(name, settings, seed=1):
    """A module whose weights are all nonzero, and a decoder with the same weights."""
    config_type, model_type, decoder_type = FAMILIES[name]
    values = {"source_vocab_size": SOURCE_SIZE, "target_vocab_size": TARGET_SIZE} | SIZES | settings
    if name == "seq2seq":
        del values["attention_size"]
    config = build(config_type, values)
    torch.manual_seed(seed)
    module = model_type(config).eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight += 0.3 * torch.randn_like(weight)
    return module, decoder_type(config, weights(module))


def weights(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
