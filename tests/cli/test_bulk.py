"""`seqshell bulk`: a line of output for each line of input, for any number of processes, after a kill, too."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.command_schema import problem

from seqshell.bulk import lines as reading
from seqshell.bulk import pool as pools
from seqshell.bulk.job import Job
from seqshell.bulk.lines import Line, batches
from seqshell.bulk.output import Output
from seqshell.bulk.pool import Pool
from seqshell.bulk.run import Counts, run
from seqshell.bulk.work import Result, Work
from seqshell.cli import main
from seqshell.core import threads
from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Notice
from seqshell.testing import (
    tiny_checkpoint,
    tiny_classification_checkpoint,
    tiny_forecast_checkpoint,
    tiny_tagging_checkpoint,
    tiny_translation_checkpoint,
)

SHORT = (("max_tokens", "8"),)
SENTENCES = ["the dog", "", "i love you", "the cat", "i see the cat .", "you love the dog", "привет", "the dog ."]


@pytest.fixture(autouse=True)
def as_many_threads_afterwards(monkeypatch):
    monkeypatch.setattr(threads, "_limit", [])


@pytest.fixture
def translator(tmp_path):
    return str(tiny_translation_checkpoint(tmp_path / "tiny.safetensors"))


def lines_of(*texts):
    return [Line("a.txt", number, text) for number, text in enumerate(texts, 1)]


class Here:
    """Works on the batches in this process."""

    def __init__(self, job):
        self.work = Work(job)
        self.ready = self.work.ready

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def results(self, found):
        for batch in found:
            yield batch, self.work(batch.lines)


def bulk(job, *files, resume=False, runner=Here):
    """The events of bulk work and its counts."""
    output, counts = Output("out"), Counts()
    output.check(resume)
    return list(run(job, files, output, counts, lambda: runner(job))), counts


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


# What is kept


def test_an_output_goes_on_after_its_last_complete_line(translator, monkeypatch):
    monkeypatch.setattr(reading, "BATCH_LINES", 4)
    Path("a.txt").write_text("\n".join(SENTENCES * 3))
    job = Job("translate", translator, SHORT)
    events, counts = bulk(job, "a.txt")
    whole = Path("out").read_bytes()
    assert (counts.lines, counts.failed, counts.is_whole) == (24, 3, True)
    assert [event.text.partition(": ")[0] for event in events if isinstance(event, Notice)] == [
        f"a.txt:{n}" for n in (7, 15, 23)
    ]
    assert not Path("out.bulk").exists()

    class Stops(Here):
        def results(self, found):
            for batch in super().results(found):
                if batch[0].number == 2:
                    raise KeyboardInterrupt
                yield batch

    with pytest.raises(KeyboardInterrupt):
        bulk(job, "a.txt", runner=Stops)
    assert Path("out").read_bytes().count(b"\n") == 8
    with open("out", "ab") as file:
        file.write(whole[file.tell() :][:9])  # a complete line, and a part of one
    done = Path("out").read_bytes().count(b"\n")
    with pytest.raises(UsageError, match="out is not finished: --resume continues it"):
        bulk(job, "a.txt")
    with pytest.raises(UsageError, match="it was begun with other options"):
        bulk(Job("translate", translator, SHORT, seed=1), "a.txt", resume=True)
    Path("b.txt").write_text("the dog\n")
    with pytest.raises(UsageError, match="it was begun with other files"):
        bulk(job, "b.txt", resume=True)
    _, counts = bulk(job, "a.txt", resume=True)
    assert (counts.resumed, counts.lines) == (done, 24 - done)
    assert Path("out").read_bytes() == whole


def test_one_run_at_a_time_writes_an_output(tmp_path):
    second = Output("out")
    with closing(Output("out")) as first:
        first.begin({})
        with pytest.raises(UsageError, match=r"^out is being written by another process$"):
            second.begin({})
        first.finish()
    assert os.listdir() == ["out"]
    second.begin({})
    second.close()
    assert sorted(os.listdir()) == ["out", "out.bulk"]


# Processes

LINES = 8_000


@pytest.fixture
def many(translator):
    """A file of so many lines that the work on it takes a while."""
    Path("many.txt").write_text("".join(f"{SENTENCES[number % 6]}\n" for number in range(LINES)))
    return translator


def command(model, *more):
    arguments = ["bulk", "translate", "many.txt", "-m", model, "-o", "out", "--set", "max_tokens=8", *more]
    code = "import sys; from seqshell.cli import main; sys.exit(main())"
    return [sys.executable, "-c", code, *arguments]


def wait_for(path, size=1):
    for _ in range(6000):
        if path.exists() and path.stat().st_size >= size:
            return
        time.sleep(0.01)
    raise AssertionError(path)


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_the_end(processes):
    for _ in range(6000):
        if not any(map(is_running, processes)):
            return
        time.sleep(0.01)
    raise AssertionError(processes)


def children(process):
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
def test_a_killed_run_is_resumed_and_each_line_is_there_once(many):
    process = subprocess.Popen(command(many, "--workers", "2"), stderr=subprocess.PIPE, text=True)
    wait_for(Path("out"))
    os.kill(children(process.pid)[0], signal.SIGKILL)  # a worker
    wait_for(Path("out"), Path("out").stat().st_size + 8_000)
    workers = children(process.pid)
    process.kill()
    _, err = process.communicate()
    assert "ended by SIGKILL; another one takes its" in err
    size = Path("out").stat().st_size
    process = subprocess.Popen(command(many, "--workers", "1", "--resume"), stderr=subprocess.PIPE, text=True)
    wait_for(Path("out"), size + 1)
    wait_for_the_end(workers)
    workers = children(process.pid)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "not finished: --resume continues" in err
    wait_for_the_end(workers)
    job = Job("translate", many, SHORT)
    _, counts = bulk(job, "many.txt", resume=True)
    assert 0 < counts.lines < LINES
    resumed = Path("out").read_bytes()
    bulk(job, "many.txt")
    assert Path("out").read_bytes() == resumed
    assert resumed.count(b"\n") == LINES


def test_the_batch_of_a_worker_that_dies_is_done_by_another_with_the_same_backend(translator, monkeypatch):
    give = pools.Worker.give

    def kill(worker, batch):
        os.kill(worker._process.pid, signal.SIGKILL)
        give(worker, batch)

    Path("a.txt").write_text("the dog\n" * 3)
    with Pool(Job("translate", translator, SHORT), 1) as pool:
        monkeypatch.setattr(pools.Worker, "give", kill)
        found = pool.results(batches(["a.txt"]))
        assert "ended by SIGKILL; another one takes its 3 lines, a.txt:1 to a.txt:3" in next(found).text
        monkeypatch.setattr(pools.Worker, "give", give)
        ((batch, results),) = found
        assert [text for text, _ in results] == [results[0][0]] * len(batch.lines)
        assert results[0][0]
        (worker,) = pool._workers
        pool._backend = "numpy"
        pool._begin(worker, {"backend": "compiled"})  # the steps were compiled meanwhile
        assert pool._workers == []
        pool._backend = "compiled"
        with pytest.raises(SeqshellError, match="has the backend numpy, not compiled"):
            pool._begin(worker, {"backend": "numpy"})


@pytest.mark.slow
def test_two_workers_of_a_ray_cluster_give_the_same_bytes(translator, monkeypatch):
    pytest.importorskip("ray", reason="ray is not installed")
    Path("many.txt").write_text("\n".join(SENTENCES * 100))
    bulk(Job("translate", translator, SHORT), "many.txt")
    here = Path("out").read_bytes()
    Path("out").unlink()
    ran = subprocess.run(command(translator, "--workers", "2", "--ray", "local"), capture_output=True, text=True)
    assert ran.returncode == 0
    assert "800 lines written to out, 100 failed" in ran.stderr
    assert Path("out").read_bytes() == here


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


def test_without_ray_the_error_says_what_to_install(translator, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    Path("a.txt").write_text("the dog\n")
    assert main(["bulk", "translate", "a.txt", "-m", translator, "-o", "out", "--ray", "auto"]) == 2
    assert "--ray needs Ray Data: pip install 'seqshell[cluster]'" in capsys.readouterr().err
    assert not Path("out").exists()
