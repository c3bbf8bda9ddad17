"""A model as plain PyTorch and as an ONNX graph; public, for the exporters of plugins.

PlainModel           what an exporter returns
language_model_code  the code of a language model, from the lines of its methods
NEXT_TOKENS          the example of a language model: the most likely next tokens of a text
RecurrentLayers      stacked recurrent layers, as code of PyTorch and as nodes of ONNX
read_layer           the weights of one layer of torch, for RecurrentLayers
Graph                an ONNX graph under construction
Value                a value of a graph with arithmetic
indented             lines of code, deeper by a number of levels
"""

from seqshell.exporting.onnx_graph import Graph
from seqshell.exporting.plain_model import NEXT_TOKENS, PlainModel, indented, language_model_code
from seqshell.exporting.recurrent import RecurrentLayers, read_layer
from seqshell.exporting.values import Value

__all__ = [
    "NEXT_TOKENS",
    "Graph",
    "PlainModel",
    "RecurrentLayers",
    "Value",
    "indented",
    "language_model_code",
    "read_layer",
]
