"""Read which classes and functions a pickle names, from its opcodes. Nothing of it is imported or run."""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import BinaryIO

MAX_OPCODES = 5_000_000
# Modules whose objects are tensors and plain data.
HARMLESS = ("torch._utils", "torch._tensor", "torch.storage", "torch.serialization", "collections", "_codecs", "numpy")
HARMLESS_NAMES = frozenset(
    {"torch.nn.parameter Parameter", "torch.nn.parameter Buffer", "torch Size", "torch device", "torch dtype"}
    | {
        f"{module} {name}"
        for module in ("builtins", "__builtin__")
        for name in ("set", "frozenset", "complex", "slice", "getattr", "bytearray", "list", "tuple", "dict")
    }
    | {"argparse Namespace", "types SimpleNamespace", "copyreg _reconstructor"}
)


@dataclass(frozen=True)
class PickleContents:
    """What a pickle contains.

    classes: the classes and functions that it names, "module.name", except those of tensors and plain data.
    is_object: True if the whole pickle is an object of the first of them, not a container with objects in it.
    tensors: True if it contains tensors of torch.
    """

    classes: tuple[str, ...]
    is_object: bool
    tensors: bool


def read_pickle_contents(file: BinaryIO) -> PickleContents:
    """Read the contents of the pickle at the file's position, up to its end. Raises ValueError if it is no pickle."""
    found: dict[str, None] = {}
    strings: list[str] = []  # the last two, which STACK_GLOBAL takes as a module and a name
    memo: dict[int, str] = {}
    pushed = ""  # the string that the opcode before pushed
    first = ""  # the opcode that began the first container, or named the first class
    is_object = tensors = False
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if number > MAX_OPCODES:
                raise ValueError("it is too long")
            code, name = opcode.name, ""
            if code == "MEMOIZE":
                memo[len(memo)] = pushed
            elif code.endswith("PUT"):
                memo[int(str(argument))] = pushed
            elif code == "GLOBAL":
                name = str(argument)
            elif code == "STACK_GLOBAL":
                name = " ".join(strings)
            elif code.endswith("GET"):
                pushed = memo.get(int(str(argument)), "")
            else:
                pushed = argument if isinstance(argument, str) else ""
            if name:
                tensors |= name.startswith("torch._utils _rebuild")
                if not _is_harmless(name):
                    is_object |= not first
                    found[name.replace(" ", ".")] = None
                pushed = ""
            if pushed and not code.endswith("PUT") and code != "MEMOIZE":
                strings = [*strings, pushed][-2:]
            if code == "BINPERSID" and first == "MARK":
                is_object |= bool(found)  # torch before 1.6 writes the class of a module in a tuple before the module
            if name or code.startswith("EMPTY") or code == "MARK":
                first = first or code
    except (ValueError, IndexError, OverflowError, EOFError) as error:
        raise ValueError(f"not a pickle: {error}") from None
    return PickleContents(tuple(found), is_object, tensors)


def _is_harmless(name: str) -> bool:
    module, _, attribute = name.partition(" ")
    if name in HARMLESS_NAMES or any(module == each or module.startswith(f"{each}.") for each in HARMLESS):
        return True
    return module == "torch" and (attribute.endswith("Storage") or attribute.islower())  # torch.float32, FloatStorage
