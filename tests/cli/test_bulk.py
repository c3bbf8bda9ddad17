"""`seqshell bulk`: a line of output for each line of input, and what is refused before any work."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from tests.cli.bulk_runs import SENTENCES, SHORT
from tests.command_schema import problem

from seqshell.bulk import lines as reading
from seqshell.bulk.job import Job
from seqshell.bulk.lines import Line, batches
from seqshell.bulk.work import Result, Work
from seqshell.cli import main
from seqshell.core.errors import UsageError
from seqshell.testing import (
    tiny_checkpoint,
    tiny_classification_checkpoint,
    tiny_forecast_checkpoint,
    tiny_tagging_checkpoint,
    tiny_translation_checkpoint,
)

pytestmark = pytest.mark.usefixtures("as_many_threads_afterwards")


def lines_of(*texts):
    return [Line("a.txt", number, text) for number, text in enumerate(texts, 1)]


# What is read


def test_batches_depend_on_the_lines_of_all_files_alone(monkeypatch):
    monkeypatch.setattr(reading, "BATCH_LINES", 3)
    monkeypatch.setattr(reading, "BATCH_BYTES", 14)
    Path("a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\n")
    Path("b.txt").write_bytes(b"\nlong enough line\n\xff\nlast")
    found = list(batches(["a.txt", "b.txt"]))
    assert [[line.text for line in batch.lines] for batch in found] == [
        ["one", "two", ""],
        ["long enough line"],
        ["", "last"],
    ]
    assert [batch.number for batch in found] == [0, 1, 2]
    assert found[2].lines[0] == Line("b.txt", 3, "", "byte 1 of the line is not UTF-8")
    assert found[-1].read == Path("a.txt").stat().st_size + Path("b.txt").stat().st_size


def test_packed_files_are_unpacked_and_damaged_ones_are_refused():
    import gzip

    Path("a.gz").write_bytes(data := gzip.compress(b"one\ntwo\n" * 50))
    assert sum(len(batch.lines) for batch in batches(["a.gz"])) == 100
    Path("a.gz").write_bytes(data[:-9])
    with pytest.raises(UsageError, match=r"cannot unpack a\.gz: compressed file ended"):
        list(batches(["a.gz"]))
    Path("b.txt").write_bytes("a".encode("utf-16"))
    with pytest.raises(UsageError, match=r"b\.txt is in UTF-16"):
        reading.size_of(["b.txt"])


# What is written


def test_translations_are_those_of_translate_and_a_line_that_fails_is_empty(translator, capsys):
    results = Work(Job("translate", translator, SHORT))(lines_of(*SENTENCES))
    Path("a.txt").write_text("\n".join(SENTENCES) + "\n")
    main(["-m", translator, "--set", "max_tokens=8", "-c", "/translate @a.txt -o b.txt"])
    reason = "tiny's vocabulary has no part of 'привет'; its characters: acdeghilostu ..."
    assert [result.text for result in results] == Path("b.txt").read_text().splitlines()
    assert results[1] == Result("")
    assert results[6] == Result("", f"a.txt:7: {reason}")
    as_json = Work(Job("translate", translator, SHORT, json=True))(lines_of(*SENTENCES))
    found = [json.loads(result.text) for result in as_json]
    assert [each.get("text", "") for each in found] == [result.text for result in results]
    assert found[6] == {"file": "a.txt", "line": 7, "error": reason}


def test_labels_and_scores_and_traces(tmp_path):
    labels = Work(Job("classify", str(tiny_classification_checkpoint(tmp_path / "c.safetensors"))))
    label, probability = labels(lines_of("abc", ""))[0].text.split("\t")
    assert label
    assert 0 < float(probability) <= 1
    model = str(tiny_checkpoint(tmp_path / "tiny.safetensors"))
    Path("a.txt").write_text("fade\nbad\n")
    main(["score", "-m", model, "a.txt", "--lines", "-o", "s.json"])
    totals = [sentence["surprisal_nats"] for sentence in json.loads(Path("s.json").read_text())["sentences"]]
    found = Work(Job("score", model))(lines_of("fade", "", "bad", "Ж"))
    assert [result.text for result in found] == [f"{totals[0]:.6f}\t4", "", f"{totals[1]:.6f}\t3", ""]
    assert found[3].warning.startswith("a.txt:4: tiny's vocabulary has no 'Ж'")
    (traced,) = Work(Job("trace", model, json=True, what="hidden"))(lines_of("bad"))
    values = json.loads(traced.text)
    assert [token["text"] for token in values["tokens"]] == list("bad")
    assert len(values["arrays"]["hidden"]) == 3


@pytest.mark.parametrize(
    ("verb", "checkpoint"),
    [
        ("translate", tiny_translation_checkpoint),
        ("classify", tiny_classification_checkpoint),
        ("tag", tiny_tagging_checkpoint),
        ("score", tiny_checkpoint),
        ("forecast", tiny_forecast_checkpoint),
        ("trace", tiny_checkpoint),
    ],
    ids=["translate", "classify", "tag", "score", "forecast", "trace"],
)
def test_each_line_in_json_is_as_its_schema_says(tmp_path, verb, checkpoint):
    what = "hidden" if verb == "trace" else ""
    work = Work(Job(verb, str(checkpoint(tmp_path / "a.safetensors")), json=True, what=what))
    found = [json.loads(each.text) for each in work(lines_of("bad" if verb != "forecast" else "1 2 3", "", "Ж"))]
    assert [problem(each, f"bulk_{verb}") for each in found] == [None, None, None]
    assert [{**each, "line": "1"} for each in found if problem({**each, "line": "1"}, f"bulk_{verb}") is None] == []
    assert problem({"file": "a.txt", "line": 1, "input": "bad"}, f"bulk_{verb}") is not None


def test_the_words_of_each_line_are_tagged(tmp_path):
    work = Work(Job("tag", str(tiny_tagging_checkpoint(tmp_path / "t.safetensors"))))
    one, blank, again = work(lines_of("abc de", "", "abc de"))
    assert one.text == again.text
    assert [word.partition("/")[0] for word in one.text.split()] == ["abc", "de"]
    assert blank.text == ""


def test_a_series_in_each_line_is_forecast_by_itself(tmp_path):
    model = str(tiny_forecast_checkpoint(tmp_path / "f.safetensors"))
    work = Work(Job("forecast", model))
    one, blank, other, again = work(lines_of("1 2 3", " ", "x", "1 2 3"))
    assert one.text == again.text != ""
    assert [float(value) for value in one.text.split()]
    assert blank == Result("")
    assert (other.text, other.warning.partition(": ")[0]) == ("", "a.txt:3")


@pytest.mark.parametrize(("verb", "message"), [("classify", "needs a classifier"), ("score", "needs a language model")])
def test_a_model_of_another_task_is_refused(translator, verb, message):
    with pytest.raises(UsageError, match=f"tiny is a translation model; bulk {verb} {message}"):
        Work(Job(verb, translator))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("score a.txt -o out --what hidden", "--what is for bulk trace"),
        ("score a.txt -o out --strategy greedy", "--strategy is for bulk translate"),
        ("score a.txt -o a.txt", "-o: a.txt is also an input; write to another file"),
        ("score a.txt -o -", "cannot write to -: name a file"),
        ("score a.txt -o out --workers 0", "must be a whole number from 1 to 1,024, not '0'"),
        ("score missing.txt -o out", "cannot read missing.txt"),
        ("score utf16.txt -o out", "utf16.txt is in UTF-16; convert it: iconv"),
        ("score a.txt -o begun", "begun is not finished: --resume continues it"),
    ],
)
def test_what_cannot_be_done_is_refused_before_a_worker_starts(options, message, capsys):
    Path("a.txt").write_text("a")
    Path("utf16.txt").write_text("a", "utf-16")
    Path("begun").write_text("1")
    Path("begun.bulk").write_text("{}")
    with contextlib.suppress(SystemExit):
        assert main(["bulk", *options.split()]) == 2
    error = capsys.readouterr().err.splitlines()
    assert message in error[-1]
    assert not Path("out").exists()


def test_a_finished_output_is_not_resumed(capsys):
    Path("a.txt").write_text("a")
    Path("out").write_text("1\n")
    assert main(["bulk", "score", "a.txt", "-o", "out", "--resume"]) == 0
    assert "out is finished; nothing to resume" in capsys.readouterr().err
