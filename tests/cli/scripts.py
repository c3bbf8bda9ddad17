"""The program in script mode, in this process: its exit code, what it prints, and its JSON objects."""

import io
import json
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout

from tests.json_schema import problem

from seqshell.cli import main

VOCABULARY = "\n abcdefgh/"
PROGRAM = [
    sys.executable,
    "-c",
    "import sys; from seqshell.cli import main; sys.exit(main())",
    "-m",
    "./tiny.safetensors",
]


def seqshell(words, stdin=""):
    """Exit code, stdout, stderr: of the whole program, in this process."""
    streams = [
        io.TextIOWrapper(io.BytesIO(data), encoding="ascii")
        for data in (stdin if isinstance(stdin, bytes) else stdin.encode(), b"", b"")
    ]
    kept, sys.stdin = sys.stdin, streams[0]
    try:
        with redirect_stdout(streams[1]), redirect_stderr(streams[2]):
            code = main(["-m", "./tiny.safetensors", *shlex.split(words)])
    finally:
        sys.stdin = kept
    return code, *(stream.buffer.getvalue().decode() for stream in streams[1:] if stream.flush() is None)


def seqshell_alone(words):
    """stdout of a subcommand, or with other models than `tiny`."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
        assert main(shlex.split(words)) == 0
    return out.getvalue()


def objects(words, stdin=""):
    """Exit code and the JSON objects."""
    code, out, _ = seqshell("--json " + words, stdin)
    found = [json.loads(line) for line in out.splitlines()]
    assert list(filter(None, map(problem, found))) == []
    return code, found
