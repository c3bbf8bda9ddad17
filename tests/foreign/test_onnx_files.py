"""Messages of protocol buffers, and ONNX graphs as they are read."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell import UsageError, read_onnx
from seqshell.exporting import Graph, onnx_graph
from seqshell.foreign.protobuf import message, read_integers, read_message


def test_integers_are_read_one_by_one_and_packed():
    fields = read_message(memoryview(message([(1, 5), (1, -2), (1, b"\x03\x96\x01")])))

    assert read_integers(fields[1]) == [5, -2, 3, 150]


def test_attributes_and_constants_of_a_graph_are_read(tmp_path):
    g = Graph("test", "")
    x = g.input("x", "float32", 1)
    settings = {"activations": ["Affine"], "activation_alpha": [1.0, 0.5], "axis": -1, "epsilon": 0.25, "mode": "a"}
    g.output(g.add("RNN", x, **settings, perm=[1, 0]), "y", "float32", 1)
    tensor = message([(1, 2), (2, 1), (9, np.array([1.5, 2], "<f4").tobytes())])
    constant = message([(2, "c"), (4, "Constant"), (5, message([(1, "value"), (5, tensor), (20, 4)]))])
    model = read_message(memoryview(g.to_bytes()))
    inner = bytes(model[7][0]) + message([(1, constant)])
    (tmp_path / "a.onnx").write_bytes(message([(1, 8), (7, inner)]))
    graph = read_onnx(tmp_path / "a.onnx")

    assert graph.nodes[0].attributes == {**settings, "perm": [1, 0]}
    assert [node.op for node in graph.nodes] == ["RNN", "Identity", "Constant"]
    np.testing.assert_array_equal(graph.arrays["c"], np.array([1.5, 2], np.float32))


def test_a_graph_beyond_the_limit_of_one_file_is_refused(monkeypatch):
    monkeypatch.setattr(onnx_graph, "MAX_BYTES", 1_000_010)
    g = Graph("test", "")
    g.constant(np.zeros(5))
    with pytest.raises(UsageError, match=r"^an ONNX file has at most 2 GB, and the weights have 20 bytes$"):
        g.to_bytes()
