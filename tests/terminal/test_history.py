"""The history file: lines of earlier sessions, and files that cannot be used."""

import os

from seqshell.terminal.history import LineHistory


def test_lines_of_earlier_sessions_are_loaded_latest_first(tmp_path):
    path = tmp_path / "new" / "history"
    for line in ("one", 'two\n"""', "ü\ud800\x00"):
        LineHistory(lambda: path).append_string(line)
    assert list(LineHistory(lambda: path).load_history_strings()) == ["ü\ud800\x00", 'two\n"""', "one"]


def test_a_history_file_that_cannot_be_read_or_written_is_ignored(tmp_path):
    history = LineHistory(lambda: tmp_path)
    history.append_string("one")
    assert list(history.load_history_strings()) == []


def test_a_last_line_that_was_cut_does_not_swallow_the_next(tmp_path):
    """As when the shell is killed, or the disk is full, in the middle of a write."""
    path = tmp_path / "history"
    path.write_bytes(b'"good"\n"half of a li')
    LineHistory(lambda: path).append_string("later")
    assert path.read_bytes() == b'"good"\n"half of a li\n"later"\n'
    assert list(LineHistory(lambda: path).load_history_strings()) == ["later", "good"]
    path.write_bytes(b'"good"\n"only the end is missing"')
    assert list(LineHistory(lambda: path).load_history_strings()) == ["only the end is missing", "good"]


def test_the_line_at_the_beginning_of_what_is_read_may_be_cut(tmp_path, monkeypatch):
    path = tmp_path / "history"
    path.write_bytes(b'"he said \\"no\\""\n"later"\n')  # whose last six characters are a string
    monkeypatch.setattr("seqshell.terminal.history.MAX_READ", len(b'"no\\""\n"later"\n'))
    assert list(LineHistory(lambda: path).load_history_strings()) == ["later"]


def test_a_history_that_is_a_pipe_is_ignored(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    history = LineHistory(lambda: tmp_path / "pipe")
    assert list(history.load_history_strings()) == []


def test_damaged_lines_of_a_history_file_are_skipped(tmp_path):
    path = tmp_path / "history"
    path.write_bytes(b'"good"\nnot json\n\xff\xfe\n12\n' + b"[" * 100_000 + b'\n"' + b"x" * 10)
    assert list(LineHistory(lambda: path).load_history_strings()) == ["good"]
