"""Layers for plugins: in numpy here, for decoders; in torch in `seqshell.layers.modules`, for models.

The numpy layers read a torch checkpoint's tensors by name, check their shapes and compute the same values as torch,
faster for single tokens and without importing torch. B: batch, T: time, S: source length, V: vocabulary, H: hidden
units.

    numpy (decoder)                                   torch (model)
    RecurrentStack(read_layers(...)), LSTMState       modules.RecurrentStack: stacked RNN, LSTM or GRU layers
    top_hidden                                        the same
    ResidualStack(..., norms=read_norms(...))         the same with residual=True, layer_norm=True
    Readout                                           modules.Readout: hidden states to logits, weights tied or not
    OutputStack(stack, readout)                       both in one
    CompiledStack(stack, readout)                     the same, compiled; ImportError where there are no compiled steps
    RecurrentStack(..., one_hot=True)                 modules.OneHot: unit vectors instead of an embedding
    Encoder, read_encoder                             nn.RNN, nn.LSTM or nn.GRU per layer, in one direction or both
    Encoder(read_bidirectional_layers(...))           modules.BidirectionalLayer for each layer
    Attention, read_attention                         written in the architecture
    Linear, read_linear                               nn.Linear
    CompiledLinear(linear)                            the same, compiled, as CompiledStack
    LayerNorm, read_norms                             nn.LayerNorm
    TanhLayer, ReluLayer, SigmoidLayer, LinearLayer,
    LSTMLayer, GRULayer, ResetBeforeGRULayer,
    read_layer: one time step                         modules.CELLS: one layer each; modules.initialise
    read_padded: padded rows, read one length at a
    time by a decoder that knows nothing of padding
    take, packed: a tensor with a checked shape;      modules.sequence_dropout, modules.token_dropout:
    a copy that is aligned in memory                  training only

A language model's decoder:

    layers = read_layers("gru", weights, input_size=128, hidden_size=512, num_layers=2)
    stack = RecurrentStack(layers, embedding)                # embedding [V, 128]
    readout = Readout(weights, 512, vocab_size)
    model = OutputStack(stack, readout)
    logits, state = model.step(tokens, state)                # tokens [B] -> logits [B, V]
    model.trace(...)                                         # the states and gates of every step, for Decoder.trace

An encoder and attention:

    encoder = read_encoder(
        "lstm", weights, input_size=128, hidden_size=256, num_layers=1, bidirectional=True, vectors=embedding
    )
    outputs, hidden, cell = encoder(source, lengths)         # source [B, S], padded -> outputs [B, S, 512]
    attention = read_attention("general", weights, hidden_size=512, encoded_size=512, attention_size=0)
    context, shares = attention(query, attention.keys(outputs), outputs, mask)   # [B, 512], [B, S]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqshell.layers.attention import Attention, read_attention
from seqshell.layers.cells import (
    GRULayer,
    Layer,
    LinearLayer,
    LSTMLayer,
    ReluLayer,
    ResetBeforeGRULayer,
    SigmoidLayer,
    TanhLayer,
    read_layer,
    read_layers,
)
from seqshell.layers.encoder import Encoded, Encoder, read_bidirectional_layers, read_encoder
from seqshell.layers.linear import Linear, read_linear
from seqshell.layers.output_stack import OutputStack
from seqshell.layers.padding import read_padded
from seqshell.layers.readout import Readout
from seqshell.layers.recurrent import RecurrentStack
from seqshell.layers.residual import LayerNorm, ResidualStack, read_norms
from seqshell.layers.states import LSTMState, top_hidden
from seqshell.layers.weights import packed, take

if TYPE_CHECKING:
    from seqshell.layers.compiled import CompiledStack
    from seqshell.layers.compiled_linear import CompiledLinear

__all__ = [
    "Attention",
    "CompiledLinear",
    "CompiledStack",
    "Encoded",
    "Encoder",
    "GRULayer",
    "LSTMLayer",
    "LSTMState",
    "Layer",
    "LayerNorm",
    "Linear",
    "LinearLayer",
    "OutputStack",
    "Readout",
    "RecurrentStack",
    "ReluLayer",
    "ResetBeforeGRULayer",
    "ResidualStack",
    "SigmoidLayer",
    "TanhLayer",
    "packed",
    "read_attention",
    "read_bidirectional_layers",
    "read_encoder",
    "read_layer",
    "read_layers",
    "read_linear",
    "read_norms",
    "read_padded",
    "take",
    "top_hidden",
]

COMPILED = {"CompiledStack": "seqshell.layers.compiled", "CompiledLinear": "seqshell.layers.compiled_linear"}


def __getattr__(name: str) -> Any:
    """CompiledStack and CompiledLinear, whose modules cannot be imported without compiled kernels."""
    if name in COMPILED:
        from importlib import import_module

        return getattr(import_module(COMPILED[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
