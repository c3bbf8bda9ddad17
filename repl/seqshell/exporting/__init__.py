"""A model as plain PyTorch and as an ONNX graph; public, for the exporters of plugins.

PlainModel       what an exporter returns
RecurrentLayers  stacked recurrent layers, as code of PyTorch and as nodes of ONNX
Graph            an ONNX graph under construction
"""

from seqshell.exporting.onnx_graph import Graph
from seqshell.exporting.plain_model import PlainModel
from seqshell.exporting.recurrent import RecurrentLayers

__all__ = ["Graph", "PlainModel", "RecurrentLayers"]
