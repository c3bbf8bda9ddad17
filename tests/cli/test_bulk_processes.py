"""`seqshell bulk` in many processes: the same output after a kill, and one run at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.bulk_runs import SENTENCES, SHORT, Here, bulk, command

from seqshell.bulk import lines as reading
from seqshell.bulk import pool as pools
from seqshell.bulk.job import Job
from seqshell.bulk.lines import batches
from seqshell.bulk.output import Output
from seqshell.bulk.pool import Pool
from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Notice

LINES = 8_000
pytestmark = pytest.mark.usefixtures("as_many_threads_afterwards")


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


@pytest.fixture
def many(translator):
    """A file of so many lines that the work on it takes a while."""
    Path("many.txt").write_text("".join(f"{SENTENCES[number % 6]}\n" for number in range(LINES)))
    return translator


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
