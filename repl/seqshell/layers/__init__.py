"""What recurrent models share: layers in numpy for decoders, and their torch twins in `seqshell.layers.modules`, which imports torch.

    layers = read_layers("gru", weights, input_size=128, hidden_size=512, num_layers=2)     a checkpoint's tensors, checked and packed
    stack = RecurrentStack(layers, embedding)                                               ids in, hidden states out
    readout = Readout(weights, 512, vocab_size)
    hidden, state = stack.step(tokens, state)                                               tokens [B] -> hidden [B, H]
    logits = readout(hidden)                                                                [B, V]
"""

from seqshell.layers.cells import GRULayer, Layer, LSTMLayer, ReluLayer, SigmoidLayer, TanhLayer, read_layers
from seqshell.layers.packing import packed, take
from seqshell.layers.readout import Readout
from seqshell.layers.recurrent import RecurrentStack
from seqshell.layers.states import LSTMState

__all__ = [
    "GRULayer",
    "LSTMLayer",
    "LSTMState",
    "Layer",
    "Readout",
    "RecurrentStack",
    "ReluLayer",
    "SigmoidLayer",
    "TanhLayer",
    "packed",
    "read_layers",
    "take",
]
