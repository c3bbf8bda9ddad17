"""The history file: lines of earlier sessions, and files that cannot be used."""

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


def test_damaged_lines_of_a_history_file_are_skipped(tmp_path):
    path = tmp_path / "history"
    path.write_bytes(b'"good"\nnot json\n\xff\xfe\n12\n"' + b"x" * 10)
    assert list(LineHistory(lambda: path).load_history_strings()) == ["good"]
