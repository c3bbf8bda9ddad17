"""Load the object code with llvmlite alone: without numba, whose import takes half a second."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

from seqshell.kernels import cache
from seqshell.kernels.cache import NotCompiled

PREFIX = "seqshell_"  # of the names in the object code


class Kernels(NamedTuple):
    """Each is called with a block of words (see `layout`), and other threads run meanwhile."""

    step: Callable[[bytes], None]
    chunk: Callable[[bytes], None]
    block: Callable[[bytes], None]
    help: Callable[[bytes], None]


_engines: list[Any] = []  # the memory of the code belongs to them
_loaded: dict[str, Kernels] = {}  # by file


def kernels() -> Kernels:
    """The kernels, loaded once. Raises NotCompiled, an ImportError, if there is no object code for this machine."""
    cache.require_libraries()
    if cache.is_empty():  # importing llvmlite would take 30 ms
        raise NotCompiled(cache.reason_of(cache.folder() / "any"))
    file = cache.path()
    if str(file) not in _loaded:
        _loaded[str(file)] = load(cache.read(file))
    return _loaded[str(file)]


def load(code: bytes) -> Kernels:
    """The kernels of object code."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
    return Kernels(*(kind(engine.get_function_address(PREFIX + name)) for name in Kernels._fields))
