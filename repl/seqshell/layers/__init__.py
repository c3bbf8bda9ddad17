"""What recurrent models share: layers in numpy for decoders, and their torch twins in `seqshell.layers.modules`, which imports torch.

layers = read_layers("gru", weights, input_size=128, hidden_size=512, num_layers=2)     a checkpoint's tensors, checked and packed
stack = RecurrentStack(layers, embedding)                                               ids in, hidden states out
readout = Readout(weights, 512, vocab_size)
hidden, state = stack.step(tokens, state)                                               tokens [B] -> hidden [B, H]
logits = readout(hidden)                                                                [B, V]

encoder = read_encoder("lstm", weights, input_size=128, hidden_size=256, num_layers=1, bidirectional=True, vectors=embedding)
outputs, hidden, cell = encoder(source, lengths)                                        source [B, S], padded -> outputs [B, S, 512]
attention = read_attention("general", weights, hidden_size=512, encoded_size=512, attention_size=0)
context, weights = attention(query, attention.keys(outputs), outputs, mask)             [B, 512] and [B, S]
"""

from seqshell.layers.attention import Attention, read_attention
from seqshell.layers.cells import (
    GRULayer,
    Layer,
    LinearLayer,
    LSTMLayer,
    ReluLayer,
    SigmoidLayer,
    TanhLayer,
    read_layer,
    read_layers,
)
from seqshell.layers.encoding import Encoded, Encoder, read_encoder
from seqshell.layers.linear import Linear, read_linear
from seqshell.layers.packing import packed, take
from seqshell.layers.padding import read_padded
from seqshell.layers.readout import Readout
from seqshell.layers.recurrent import RecurrentStack
from seqshell.layers.residual import LayerNorm, ResidualStack, read_norms
from seqshell.layers.states import LSTMState

__all__ = [
    "Attention",
    "Encoded",
    "Encoder",
    "GRULayer",
    "LSTMLayer",
    "LSTMState",
    "Layer",
    "LayerNorm",
    "Linear",
    "LinearLayer",
    "Readout",
    "RecurrentStack",
    "ReluLayer",
    "ResidualStack",
    "SigmoidLayer",
    "TanhLayer",
    "packed",
    "read_attention",
    "read_encoder",
    "read_layer",
    "read_layers",
    "read_linear",
    "read_norms",
    "read_padded",
    "take",
]
