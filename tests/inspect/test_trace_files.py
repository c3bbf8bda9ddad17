"""Traces in files: arrays for numpy and safetensors, and tables; part by part, and whole or not at all."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from tests.inspect.conftest import OddDecoder

from seqshell import UsageError
from seqshell.inspect import tracing
from seqshell.inspect.trace_choice import Choice, parse_choice
from seqshell.inspect.trace_work import TraceWork, texts_of
from seqshell.session import Session
from seqshell.testing import tiny_model


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """Parts of three tokens, so that a text of ten has several."""
    monkeypatch.setattr(tracing, "CHUNK", 3)


def written(session, path, text="fadedcabba", choice=None, unit="nats", *, by_line=False):
    """Write a trace. Returns the work."""
    work = TraceWork(session, texts_of(session, text, by_line=by_line), choice or Choice(), unit)
    for _ in work.steps(path):
        pass
    return work


def test_numpy_reads_an_npz_file_without_pickle(odd, tmp_path):
    trace = odd.trace("fadedcabba")
    work = written(odd, tmp_path / "x.npz", choice=Choice((*trace.arrays, "logits")))
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        for name, array in trace.arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found["logits"], trace.outputs)
        np.testing.assert_array_equal(found["surprisal"], trace.surprisal)
        assert found["text"].tolist() == list(trace.texts)
        assert (found["position"].tolist(), found["id"].tolist()) == (list(range(4, 14)), list(trace.ids))
        assert [str(found[name]) for name in ("model", "from", "unit")] == ["odd", "main@4", "nats"]
    assert (work.done, work.total, work.shapes["layers"]) == (10, 10, [10, 2, 3])


def test_a_safetensors_file_has_the_same_arrays(odd, tmp_path):
    trace = odd.trace("fadedcabba")
    written(odd, tmp_path / "x.safetensors", unit="bits")
    with safe_open(tmp_path / "x.safetensors", "np") as found:
        for name, array in trace.arrays.items():
            expected = np.stack((array.real, array.imag), -1) if name == "phase" else array
            np.testing.assert_array_equal(found.get_tensor(name), expected)
        np.testing.assert_allclose(found.get_tensor("surprisal"), trace.surprisal / np.log(2))
        about = found.metadata()
    assert (json.loads(about["text"]), about["unit"]) == (list(trace.texts), "bits")


@pytest.mark.parametrize(("ending", "delimiter"), [("tsv", "\t"), ("csv", ",")])
def test_a_table_has_a_row_for_each_token_and_a_column_for_each_number(odd, tmp_path, ending, delimiter):
    trace = odd.trace("fa\ndedcabb")
    path = tmp_path / f"x.{ending}"
    written(odd, path, "fa\ndedcabb", parse_choice("layers, started", ""))
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file, delimiter=delimiter)

    units = [f"layers[{layer},{unit}]" for layer in range(2) for unit in range(3)]
    assert names == ["position", "id", "text", "surprisal", *units, "started"]
    assert [row[2] for row in rows] == list(trace.texts)
    numbers = np.array([[float(cell) for cell in row[4:10]] for row in rows], np.float32)
    np.testing.assert_array_equal(numbers.reshape(10, 2, 3), trace.arrays["layers"])
    assert rows[0][3] == f"{trace.surprisal[0]:.6f}"

    written(odd, path, "fade")
    assert path.read_text(encoding="utf-8").splitlines()[0] == delimiter.join(["position", "id", "text", "surprisal"])


def test_one_layer_keeps_its_addresses(odd, tmp_path):
    choice = parse_choice("layers,logits", "1")
    written(odd, tmp_path / "x.npz", choice=choice)
    written(odd, tmp_path / "x.tsv", "fade", choice)
    trace = odd.trace("fadedcabba")
    with np.load(tmp_path / "x.npz") as found:
        np.testing.assert_array_equal(found["layers"], trace.arrays["layers"][:, 1])
        np.testing.assert_array_equal(found["logits"], trace.outputs)
    assert (tmp_path / "x.tsv").read_text().split("\t")[4:7] == ["layers[1,0]", "layers[1,1]", "layers[1,2]"]


def test_each_line_begins_at_the_state_here(tiny, tmp_path):
    written(tiny, tmp_path / "x.npz", "fade\n \nbad\n", by_line=True)
    with np.load(tmp_path / "x.npz") as found:
        assert found["line"].tolist() == [1] * 4 + [3] * 3
        assert found["position"].tolist() == [3, 4, 5, 6, 3, 4, 5]
        np.testing.assert_array_equal(
            found["0"], np.concatenate([tiny.trace(each).arrays["0"] for each in ("fade", "bad")])
        )


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            Choice(("laiers",)),
            "no array 'laiers'; available: layers, keys, phase, last, started, rest.0, rest.1, logits, ",
        ),
        (Choice(("layers",), 2), "the layer of layers must be 0 to 1, not 2"),
        (Choice(("logits",), 0), "logits without layers; leave out --layer"),
    ],
)
def test_what_is_not_there_is_refused_before_the_file_is_opened(odd, tmp_path, unmoved, choice, message):
    path = tmp_path / "x.npz"
    path.write_bytes(b"old")
    before = unmoved(odd)
    with pytest.raises(UsageError, match=message.replace("'", ".")):
        written(odd, path, choice=choice)
    assert (path.read_bytes(), list(tmp_path.iterdir()), unmoved(odd)) == (b"old", [path], before)


@pytest.mark.parametrize("ending", ["npz", "safetensors", "tsv"])
def test_a_file_stays_as_it_was_if_the_model_fails_or_it_is_stopped(tmp_path, ending):
    class Failing(OddDecoder):
        fails = False

        def step(self, inputs, state):
            assert not self.fails
            return super().step(inputs, state)

    model = tiny_model()
    session = Session(replace(model, decoder=Failing(model.tokenizer.size), grows="axis"))
    path = tmp_path / f"x.{ending}"
    path.write_bytes(b"old")
    for stop in ("fails", "interrupt", "close"):
        steps = TraceWork(session, {0: [1] * 8}, Choice(), "nats").steps(path)
        next(steps)
        session.model.decoder.fails = stop == "fails"
        if stop == "interrupt":
            session.interrupt()
        if stop == "close":
            steps.close()
        else:
            with pytest.raises(Exception, match=r"interrupted|assert"):
                list(steps)
        session.model.decoder.fails = False
        assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])
