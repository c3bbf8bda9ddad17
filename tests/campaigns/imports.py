"""The campaign on all importers: a model in the layout of each program is damaged, explained, imported and used.

    python -m tests.campaigns.imports --seed 1 --count 20000 --jobs 2

Tensors get other shapes, types and values; entries other names and values; archives other members; files other bytes
and lengths; and pickles ask for a call. What is refused is refused in one line; nothing of a file is executed, and
nothing that is printed controls the terminal.
"""

from __future__ import annotations

import copy
import io
import random
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from tests.campaigns.campaign import FOREIGN, MAX_LINE, Campaign, trouble_of
from tests.campaigns.damage import HOSTILE, damage_bytes, damage_json
from tests.campaigns.parts.importer_layouts import LAYOUTS, Executed, content

from seqshell.cli import main
from seqshell.core.errors import SeqshellError
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models.opening import open_model
from seqshell.shell.shell import Shell

REGISTRY = load_registry(Policy(no_plugins=True))
CODES = (0, 2, 3)  # done, a mistake of the user, a file that cannot be used
NAMES = ("x", "", "a\nb", "\x1b[31m", "\x1b]0;x\x07", "\u202e", "\x9b2J", "../../x", "y" * 300, "é", 7, ("a", 1))
NESTED = 100_000
ZEROS = 30_000_000  # bytes of a member that is compressed to a thousandth


def check(draws: random.Random, folder: Path) -> str | None:
    """Damage the files of a layout, and import them."""
    name = draws.choice(list(LAYOUTS))
    files, change = damaged_files(draws, LAYOUTS[name])
    for file, data in files.items():
        Path(file).write_bytes(data)
    reason = _trouble([*files], change)
    return f"{name}, {change}: {reason}" if reason else None


def damaged_files(draws: random.Random, layout: dict[str, Any]) -> tuple[dict[str, bytes], str]:
    """The bytes of all files, and what was done."""
    values, done = dict(layout), []
    target = draws.choice([*layout, *([next(iter(layout))] * len(layout))])  # half of the time the model itself
    legacy = draws.random() < 0.3
    if not isinstance(values[target], bytes) and draws.random() < 0.7:
        for _ in range(draws.choice((1, 1, 1, 2, 4))):
            values[target], change = damage_value(draws, values[target])
            done.append(change)
    files = {}
    for file, value in values.items():
        try:
            files[file] = content(file, value, legacy=legacy)
        except Exception:  # what cannot be written
            files[file] = content(file, layout[file], legacy=legacy)
            done = []
    if not done:
        change_file = damage_member if files[target][:2] == b"PK" and draws.random() < 0.7 else damage_bytes
        files[target], change = change_file(draws, files[target])
        done.append(change)
    if draws.random() < 0.05:
        del files[target]
        done = ["missing"]
    return files, f"{target}{' (legacy)' if legacy else ''} {'; '.join(done)}"


def damage_value(draws: random.Random, value: Any) -> tuple[Any, str]:
    """Change an array, an entry or a name somewhere in nested containers. Returns the new value, and what was done."""
    found: list[tuple[Any, Any]] = []
    value = copy.deepcopy(value)
    waiting = [value]
    while waiting:
        each = waiting.pop()
        pairs = each.items() if isinstance(each, dict) else enumerate(each) if isinstance(each, list) else ()
        for key, inner in pairs:
            found.append((each, key))
            waiting.append(inner)
    of_arrays = [(each, key) for each, key in found if isinstance(each[key], np.ndarray)]
    draw = draws.random()
    if of_arrays and draw < 0.5:
        container, key = draws.choice(of_arrays)
        container[key], change = damage_array(draws, container[key])
        return value, f"{change} of {key!r:.40}"
    if found and draw < 0.6:
        container, key = draws.choice(found)
        if isinstance(container, dict):
            name = draws.choice(NAMES)
            container[name] = container.pop(key) if draws.random() < 0.5 else container[key]
            return value, f"{key!r:.40} is {name!r:.20}"
        container[key] = Executed()
        return value, f"a call at {key!r}"
    if isinstance(value, dict) and draw < 0.65:
        value[draws.choice(("x", *value))] = Executed()
        return value, "a call"
    return damage_json(draws, value)


def damage_array(draws: random.Random, array: Any) -> tuple[Any, str]:
    """Another array. Returns it, and what was done."""
    kind = draws.choice(("values", "values", "shape", "cut", "more", "kind", "text", "empty", "number", "other"))
    if kind == "values" and array.dtype.kind == "f":
        array = array.copy()
        value = draws.choice((np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40, 1e4, 0.0))
        array.reshape(-1)[: draws.choice((1, 3, array.size))] = value
        return array, f"values {value}"
    if kind == "shape":
        shapes = (array.shape[::-1], (array.size,), (*array.shape, 1), (1, *array.shape))
        return array.reshape(draws.choice(shapes)), "shape"
    if kind == "cut":
        return array[: draws.randrange(len(array) + 1)], "cut"
    if kind == "more":
        return np.concatenate([array] * draws.choice((2, 3, 40))), "more"
    if kind == "kind" and array.dtype.kind == "f":
        kinds = (np.float16, np.float64, np.int8, np.int64, np.bool_, np.complex64)
        return np.nan_to_num(array).astype(draws.choice(kinds)), "kind"
    if kind == "text":
        return np.array(["\x1b[31m"] * array.size).reshape(array.shape), "text"
    if kind == "empty":
        return array[:0], "empty"
    if kind == "number":
        return np.float32(draws.choice((0.0, np.nan))), "number"
    return draws.choice(HOSTILE), "other"


def damage_member(draws: random.Random, data: bytes) -> tuple[bytes, str]:
    """Change a member of an archive, or its name, so that the archive itself stays whole."""
    source, made = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    names = source.namelist()
    chosen, done = draws.choice([*names, *(name for name in names if name.endswith(".pkl"))]), ""
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED if draws.random() < 0.3 else zipfile.ZIP_STORED) as archive:
        for name in names:
            member = source.read(name)
            if name == chosen:
                kind = draws.choice(("bytes", "bytes", "bytes", "rename", "drop", "twice", "nested", "zeros"))
                done = f"{kind} {name}"
                if kind == "drop":
                    continue
                if kind == "bytes":
                    member, change = damage_bytes(draws, member)
                    done += f" {change}"
                elif kind == "rename":
                    name = str(draws.choice(NAMES)).replace("\0", "") or "x"
                elif kind == "twice":
                    archive.writestr(name + "~", member)
                elif kind == "nested":
                    member = draws.choice(
                        (b"\x80\x02" + b"(" * NESTED, b"\x80\x02)" + b"\x85" * NESTED + b".", b"[" * NESTED)
                    )
                else:
                    archive.writestr(name, bytes(ZEROS), zipfile.ZIP_DEFLATED)
                    continue
            archive.writestr(name, member)
    return made.getvalue(), done


def _trouble(names: list[str], change: str) -> str | None:
    """Why an import of the first file is not as promised; None if it is."""
    main_file = next((name for name in names if not name.endswith((".dat", ".txt"))), "m.pt")
    vocabulary = ["--vocab", "vocab.txt"] if "vocab.txt" in names else []
    for options in (["--explain"], ["--out", "./out.safetensors"]):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["import", main_file, *vocabulary, *options])
        if reason := _of_output(code, out.getvalue(), err.getvalue()):
            return f"{options[0]}: {reason}"
    if Path("executed").exists():
        return "the file was executed"
    if code:
        return None
    try:
        shell = Shell(REGISTRY)
        shell.workspace.add(open_model("./out.safetensors", REGISTRY))
        for line in ("/set max_tokens 3", "a b", "/info"):
            for _ in shell.handle(line):
                pass
    except SeqshellError as error:
        return trouble_of(error)
    return None


def _of_output(code: int, out: str, err: str) -> str | None:
    lines = [*out.splitlines(), *err.splitlines()]
    if (wrong := next((line for line in lines if not line.isprintable()), None)) is not None:
        return f"it printed {wrong[:100]!r}"
    if code not in CODES:
        return f"exit code {code}: {err[:200]!r}"
    if "failed at" in err:
        return f"an importer failed: {err[:300]}"
    if code and (err.count("\n") != 1 or len(err) > MAX_LINE or FOREIGN.search(err)):
        return f"a message of several lines, too long or of another library: {err[:400]!r}"
    return None


CAMPAIGN = Campaign("imports", "a damaged file of another program is refused in one line, or imported", check)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
