"""The structure of the code in numbers: what it is made of, and how much of it one answer passes through.

    python tests/benchmarks/structure.py [--checkout PATH [--python INTERPRETER]]

packages              folders directly in repl/seqshell, and modules that are in none of them
modules               modules of seqshell, and those of them that are in an import cycle; imports inside functions and
                      for type checkers count, those of seqshell/__init__.py, which names the public API, do not
calls                 Python and built-in function calls while the model shakespeare answers `ROMEO:` with 200 tokens,
                      through a shell and through Session.generate, as cProfile counts them
modules entered       modules of seqshell that have a function among these calls
settings look-ups     calls of methods of the shell's Settings for that answer, Settings' own among them: in the shell
                      as above, and at the prompt of a pseudo-terminal, opening the model included
tests                 tests that pytest collects

--checkout adds a column for another checkout, an older version for example, which INTERPRETER (this one by default)
must be able to import. An answer is generated once before it is counted, so that imports are not. Nothing here is a
time: two runs of one checkout print the same numbers.
"""

from __future__ import annotations

import argparse
import ast
import cProfile
import functools
import json
import os
import pstats
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MODEL, TEXT, TOKENS = "shakespeare", "ROMEO:", 200
HERE = Path(__file__).parents[2]
SILENCE = 3  # seconds without output after which an answer at the prompt is complete


# In the interpreter of the checkout that is measured. Older versions have other modules: only public names are used.


def measure(checkout: Path) -> dict[str, int | None]:
    """The numbers of one checkout; None for what it does not have."""
    sys.path[:0] = [str(checkout / "repl"), str(checkout / "plugins")]
    root = checkout / "repl" / "seqshell"
    packages = [path.parent.name for path in root.glob("*/__init__.py")]
    loose = {path.stem for path in root.glob("*.py")} - {"__init__", "__main__"}
    imports = imports_of(root)
    return {
        "packages": len(packages),
        "loose modules": len(loose),
        "modules": len(imports),
        "modules in import cycles": len(in_cycles(imports)),
        **answers(root),
        "settings look-ups, terminal": at_the_prompt(),
        "tests": collected(checkout),
    }


def imports_of(root: Path) -> dict[str, set[str]]:
    """Each module and the modules that it imports, with public names replaced by the modules that define them."""
    import seqshell

    homes: dict[str, str] = getattr(seqshell, "_HOME", {})
    names: dict[str, set[str]] = {}
    for path in root.rglob("*.py"):
        name = ".".join(("seqshell", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
        names[name] = set(imported_names(ast.parse(path.read_text("utf-8"))))
    names["seqshell"] = set()

    def module(name: str) -> str:
        name = homes.get(name.removeprefix("seqshell."), name)
        while name and name not in names:
            name = name.rpartition(".")[0]
        return name

    return {name: {module(other) for other in others} - {name, ""} for name, others in names.items()}


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Dotted names; `from a import b` is a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def in_cycles(imports: dict[str, set[str]]) -> set[str]:
    """The modules that can be reached from themselves."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(imports[start])
        while waiting:
            if (name := waiting.pop()) not in seen:
                seen.add(name)
                waiting += imports[name]
        return seen

    return {name for name in imports if name in reached(name)}


def answers(root: Path) -> dict[str, int | None]:
    """What one answer calls: in a shell, and without one."""
    import seqshell
    from seqshell.testing import shell_for

    shell = shell_for(seqshell.open(MODEL).model)
    list(shell.handle(f"/set max_tokens {TOKENS}"))

    def in_shell() -> None:
        list(shell.handle(TEXT))

    def without() -> None:
        session.feed(TEXT)
        list(session.generate(TOKENS))

    in_shell()
    list(shell.handle("/undo"))
    by_shell = profiled(in_shell)
    session = seqshell.open(MODEL)
    without()
    session.undo()
    by_session = profiled(without)
    settings = getattr(shell, "settings", None)
    return {
        "calls, shell": calls(by_shell),
        "calls, session": calls(by_session),
        "modules entered, shell": modules_entered(by_shell, root),
        "modules entered, session": modules_entered(by_session, root),
        "settings look-ups, shell": None if settings is None else method_calls(by_shell, type(settings)),
    }


def profiled(answer: Callable[[], None]) -> dict[tuple[str, int, str], tuple[Any, ...]]:
    """(file, line, function) -> (calls without recursive ones, calls, ...), as pstats has them."""
    profile = cProfile.Profile()
    profile.runcall(answer)
    found = pstats.Stats(profile)
    return found.stats  # type: ignore[attr-defined,no-any-return]  # not in its stub


def calls(statistics: dict[tuple[str, int, str], tuple[Any, ...]]) -> int:
    return sum(counts[1] for counts in statistics.values())


def modules_entered(statistics: dict[tuple[str, int, str], tuple[Any, ...]], root: Path) -> int:
    return len({file for file, _, _ in statistics if Path(file).is_relative_to(root)})


def methods(owner: type) -> dict[str, Any]:
    """The methods that a class defines itself."""
    return {name: value for name, value in vars(owner).items() if hasattr(value, "__code__")}


def method_calls(statistics: dict[tuple[str, int, str], tuple[Any, ...]], owner: type) -> int:
    codes = [method.__code__ for method in methods(owner).values()]
    places = {(code.co_filename, code.co_firstlineno, code.co_name) for code in codes}
    return sum(counts[1] for place, counts in statistics.items() if place in places)


def at_the_prompt() -> int | None:
    """Calls of Settings' methods while the program answers in a pseudo-terminal; None without pexpect or Settings."""
    try:
        import pexpect  # type: ignore[import-untyped]
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as home:
        count = Path(home, "count")
        environment = {**os.environ, "SEQSHELL_HOME": home, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
        command = [str(Path(__file__).resolve()), "--count", str(count)]
        child = pexpect.spawn(sys.executable, command, env=environment, dimensions=(24, 80))
        child.expect(">>>")
        child.send(f"{TEXT}\r")
        while child.expect([".", pexpect.TIMEOUT], timeout=SILENCE) == 0:
            pass
        child.sendeof()
        child.expect(pexpect.EOF)
        return int(count.read_text()) if count.exists() else None


def count_look_ups(file: Path) -> None:
    """Run the program at the terminal, then write the number of calls of Settings' methods to the file."""
    from seqshell.cli import main
    from seqshell.testing import shell_for

    settings = getattr(shell_for(), "settings", None)
    if settings is None:
        return
    counted = 0

    def counting(method: Any) -> Any:
        @functools.wraps(method)
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal counted
            counted += 1
            return method(*arguments, **options)

        return call

    for name, method in methods(type(settings)).items():
        setattr(type(settings), name, counting(method))
    main(["--no-plugins", "-m", MODEL, "--set", f"max_tokens={TOKENS}"])
    file.write_text(str(counted))


def collected(checkout: Path) -> int | None:
    """The number of tests that pytest finds in the checkout; None without pytest."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=--import-mode=importlib"]
    path = os.pathsep.join([str(checkout / "repl"), str(checkout / "plugins")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"^(?:\d+/)?(\d+) tests? collected", done.stdout, re.MULTILINE)
    return int(found[1]) if found else None


# In the interpreter that was started


def numbers_of(checkout: Path, python: str) -> dict[str, int | None]:
    """Measure a checkout in a process of its own, which imports that checkout's seqshell and no other."""
    command = [python, str(Path(__file__).resolve()), "--measure", str(checkout)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEQSHELL_")}
    environment["SEQSHELL_HOME"] = "/dev/null/none"  # the user's own models and plugins are not part of it
    done = subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    numbers: dict[str, int | None] = json.loads(done.stdout)
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkout", type=Path)
    parser.add_argument("--python", default=sys.executable)
    for mode in ("--measure", "--count"):  # what this script asks of the processes that it starts
        parser.add_argument(mode, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.count:
        count_look_ups(arguments.count)
        return
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    columns = {HERE.name: numbers_of(HERE, sys.executable)}
    if arguments.checkout:
        checkout = arguments.checkout.resolve()
        columns[str(arguments.checkout)] = numbers_of(checkout, arguments.python)
    print(" " * 27, *(f"{name:>12}" for name in columns))
    for name in next(iter(columns.values())):
        values = (column[name] for column in columns.values())
        print(f"{name:27}", *(f"{'-' if value is None else format(value, ','):>12}" for value in values))


if __name__ == "__main__":
    main()
