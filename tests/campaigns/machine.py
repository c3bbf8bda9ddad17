"""A machine in trouble: a full disk, a home that is read-only or missing, two shells at once, a clock that was set
back, 256 open files, 512 MB of memory.

Each case runs one command line under one trouble. It must succeed or fail with a line on stderr, and leave the files
that were there as they were, or as they should be. What needs mounts is done in a mount namespace of the process, or
with a limit for the size of files where that is not allowed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch  # noqa: F401  # which a training would import, and so each case
from tests.campaigns.campaign import Campaign

from seqshell.cli import main
from seqshell.core.errors import SeqshellError
from seqshell.models import file
from seqshell.testing import tiny_checkpoint

NEW_USER, NEW_MOUNTS = 0x10000000, 0x20000  # flags of unshare(2)
READ_ONLY, REMOUNT, BIND, PRIVATE = 1, 32, 4096, 1 << 18  # flags of mount(2)
MEMORY = 512 * 2**20
NUM_FILES = 256
WHOLE = re.compile("abc.{5}", re.DOTALL)  # what /text -o writes after a message and five tokens
REPEATS = 300  # more than files may be open
SMALL = "training.epochs=1 model.hidden_size=8 model.embed_size=8 training.batch_size=4 training.sequence_length=16"
TRAIN = [word for each in SMALL.split() for word in ("--set", each)]
OPEN = ["-m", "./tiny.safetensors", "--set", "max_tokens=5"]
ACTIONS: dict[str, list[str]] = {  # arguments of seqshell
    "answer": [*OPEN, "-c", "abc", "-c", "/undo", "-c", "/regen 2"],
    "save": [*OPEN, "-c", "abc", "-c", "/save --force ./session.safetensors"],
    "save in home": [*OPEN, "-c", "abc", "-c", "/save --force lesson"],
    "restore": ["--restore", "./session.safetensors", "-c", "abc", "-c", "/text"],
    "record": [*OPEN, "-c", "/record ./script.seq", "-c", "abc", "-c", "cab", "-c", "/record off"],
    "source": [*OPEN, "-c", "/source ./old.seq"],
    "output": [*OPEN, "-c", "abc", "-c", "/text -o ./out.txt", "-c", "/score -o ./out.json abcabc"],
    "feed": [*OPEN, "-c", "/feed @text.txt", "-c", "/score @text.txt"],
    "models": ["models"],
    "recipes": ["recipes", "--json"],
    "train": ["train", "small.toml", "--out", "./new.safetensors", *TRAIN],
    "train by name": ["train", "small.toml", "--out", "new", *TRAIN],
    "dry run": ["train", "small.toml", "--dry-run", *TRAIN],
    "evaluate": ["evaluate", "./tiny.safetensors", "text.txt", "-o", "./metrics.json"],
    "new plugin": ["plugins", "new", "haiku", "--kind", "sampler"],
    "shipped": ["-m", "names", "-c", "Yamamoto", "-c", "/save --force lesson"],
}


def check(draws: random.Random, folder: Path) -> str | None:
    """Run one command line under one trouble."""
    trouble, action = draws.choice(list(TROUBLES)), draws.choice(list(ACTIONS))
    prepare(folder)
    problem = TROUBLES[trouble](ACTIONS[action], draws)
    return f"{trouble}, {action}: {problem}" if problem else None


def prepare(folder: Path) -> None:
    """The files that are there before."""
    tiny_checkpoint("tiny.safetensors")
    Path("home").mkdir()
    Path("text.txt").write_text("abc cab bca " * 60)
    Path("small.toml").write_text('task = "generate"\narchitecture = "gru"\n[data]\ntext = "text.txt"\n')
    Path("old.seq").write_text("abc\n/undo\ncab\n")
    Path("out.txt").write_text("old")
    for words in (["/feed abcabc", "/save ./session.safetensors"],):
        if problem := run(lambda words=words: main([*OPEN, *(each for word in words for each in ("-c", word))])):  # type: ignore[misc]  # of a lambda
            raise RuntimeError(problem)


# The troubles


def full_disk(arguments: list[str], draws: random.Random) -> str | None:
    """A disk on which less than 400 kB are free; for some, the output cannot be written either."""
    size, output = draws.randrange(20_000, 400_000), draws.choice([os.devnull, "/dev/full"])

    def limited() -> int:
        used = sum(path.stat().st_size for path in Path().rglob("*") if path.is_file())
        files = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
        if mounted("tmpfs", Path.cwd(), f"size={(used + size) // 1024 + 100}k"):
            os.chdir(Path.cwd())
            for path, data in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        else:
            limit_files(size)
        return seqshell_and_look(arguments)

    return run(limited, output if Path(output).exists() else os.devnull)


def file_limit(arguments: list[str], draws: random.Random) -> str | None:
    """A limit for the size of a file, as of a quota."""

    def limited() -> int:
        limit_files(draws.choice([0, 100, 2_000, 20_000]))
        return seqshell_and_look(arguments)

    return run(limited)


def read_only_home(arguments: list[str], draws: random.Random) -> str | None:
    """A home that cannot be written; for some it does not even exist."""

    def limited() -> int:
        if draws.random() < 0.3:
            os.environ["SEQSHELL_HOME"] = draws.choice(["/proc/none", "/dev/null/home", "/sys/none"])
        elif not mounted(None, Path("home"), None, READ_ONLY):
            Path("home").chmod(0o555)
        return seqshell_and_look(arguments)

    return run(limited)


def no_home(arguments: list[str], draws: random.Random) -> str | None:
    """No HOME, for a user that the system knows or, if this process may change it, does not know."""

    def limited() -> int:
        for name in ("HOME", "SEQSHELL_HOME", "XDG_DATA_HOME"):
            os.environ.pop(name, None)
        os.environ["XDG_DATA_HOME"] = str(Path("home").absolute()) if draws.random() < 0.3 else ""
        if os.getuid() == 0:
            os.setresuid(54321, 0, 0)  # whose home is looked up, and who may do what
        return seqshell_and_look(arguments)

    return run(limited)


def two_shells(arguments: list[str], draws: random.Random) -> str | None:
    """The same command line twice at once."""
    others = ACTIONS[draws.choice(list(ACTIONS))]
    first = start(lambda: main(arguments))
    time.sleep(draws.uniform(0, 0.05))
    second = start(lambda: main(others))
    problems = [end(*first), end(*second)]
    return problems[0] or problems[1] or look()


def clock_set_back(arguments: list[str], draws: random.Random) -> str | None:
    """The clock is years before the time of every file, or before 1970."""
    by = draws.choice([3600, 10**8, 3 * 10**9])

    def limited() -> int:
        now = time.time
        time.time = lambda: now() - by
        return seqshell_and_look(arguments)

    return run(limited)


def few_files(arguments: list[str], draws: random.Random) -> str | None:
    """At most 256 open files, for a line that runs 300 times if it is one of the shell."""

    def limited() -> int:
        resource.setrlimit(resource.RLIMIT_NOFILE, (NUM_FILES, NUM_FILES))
        last = arguments[-2:] if "-c" in arguments and draws.random() < 0.5 else []
        return seqshell_and_look([*arguments, *last * REPEATS])

    return run(limited)


def little_memory(arguments: list[str], draws: random.Random) -> str | None:
    """512 MB of address space, for a process of its own."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    done = subprocess.run(
        [sys.executable, "-m", "seqshell", *arguments], capture_output=True, text=True, preexec_fn=limit, check=False
    )
    return judged(done.returncode, done.stderr) or look()


TROUBLES: dict[str, Callable[[list[str], random.Random], str | None]] = {
    "full disk": full_disk,
    "file limit": file_limit,
    "read-only home": read_only_home,
    "no HOME": no_home,
    "two shells": two_shells,
    "clock set back": clock_set_back,
    "256 open files": few_files,
    "512 MB of memory": little_memory,
}


# Programs and what becomes of them


def seqshell_and_look(arguments: list[str]) -> int:
    """Run it; the code is 99, and a line on stderr says why, if files are damaged afterwards."""
    code = main(arguments)
    if problem := look():
        print(problem, file=sys.stderr, flush=True)
        return 99
    return code


def look() -> str | None:
    """What is wrong with the files, none of which may be half-written."""
    for name in ("tiny", "session", "new"):
        path = Path(f"{name}.safetensors")
        try:
            if path.exists() or name != "new":
                file.read(path)
        except SeqshellError as error:
            return f"afterwards: {error.message}"
    text = Path("out.txt").read_text("utf-8")
    return None if text == "old" or WHOLE.fullmatch(text) else f"afterwards: out.txt has {text[:40]!r}"


def run(program: Callable[[], int], output: str = os.devnull) -> str | None:
    return end(*start(program, output))


def start(program: Callable[[], int], output: str = os.devnull) -> tuple[int, int]:
    """Fork a process; returns its number and where its stderr can be read. output: the file that is its stdout."""
    reading, errors = os.pipe()
    if child := os.fork():
        os.close(errors)
        return child, reading
    code = 98
    try:
        os.dup2(os.open(output, os.O_WRONLY), 1)
        os.dup2(errors, 2)
        # New ones, because the old ones know whether they could seek in the files that were there before.
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        code = program()
        with contextlib.suppress(*([OSError] if code else [])):  # what it could not print is still in the buffer
            sys.stdout.flush()
    except BaseException as error:
        print(f"Traceback: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def end(child: int, errors: int) -> str | None:
    """Wait for a process, and judge it."""
    with open(errors, encoding="utf-8", errors="replace") as file:
        lines = file.read()
    return judged(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), lines)


def judged(code: int, errors: str) -> str | None:
    """What is wrong with an exit code and the lines on stderr."""
    lines = errors.splitlines()
    strange = [line for line in lines if "internal error" in line or "Traceback" in line]
    if code not in range(5) or strange:
        return f"exit code {code}: {(strange or lines or ['no message'])[-1][:300]}"
    return f"exit code {code} without a message" if code and not lines else None  # BLAS reports with its own line


# Limits


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def mounted(kind: str | None, place: Path, data: str | None, flags: int = 0) -> bool:
    """Mount a file system for this process alone, or, without a kind, make a folder read-only. False if not allowed."""
    system, uid, gid = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if system.unshare(NEW_MOUNTS | (NEW_USER if uid else 0)):
        return False
    if uid:  # the user keeps their numbers, else no file can be created
        for name, numbers in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path("/proc/self", name).write_text(numbers)
    if system.mount(None, b"/", None, 16384 | PRIVATE, None):
        return False
    target = os.fsencode(place.absolute())
    if kind is None:
        if system.mount(target, target, None, BIND, None):
            return False
        flags |= REMOUNT | BIND
    return not system.mount(b"none", target, kind and kind.encode(), flags, data and data.encode())


CAMPAIGN = Campaign(
    "machine",
    "on a machine in trouble, it works or fails with one line",
    check,
    seconds=180,
    memory=None,
)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
