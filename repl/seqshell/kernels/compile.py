"""Compile the kernels for this machine: `python -m seqshell.kernels.compile`, which the shell starts by itself.

The object code needs no library: neither numba nor its runtime nor mathematical functions. It is tried before it is
stored, so that code that ends the process is not stored.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from itertools import product
from math import tanh
from pathlib import Path
from typing import Any

import numpy as np

from seqshell.core.errors import UsageError, reason_of
from seqshell.kernels import cache, layout
from seqshell.kernels.cache import NotCompiled
from seqshell.kernels.loading import PREFIX, Kernels, load
from seqshell.kernels.rounding import PRECISIONS, blocks_in

# A kernel's argument is an int64; numba's own convention adds a result and an error, neither of which is used.
ENTRY = """
define void @{prefix}{name}(i64 %call) {{
  %result = alloca ptr
  %error = alloca ptr
  %status = call i32 @{inner}(ptr %result, ptr %error, i64 %call)
  ret void
}}
"""


def main() -> int:
    """Compile and store the kernels, unless that has been done. Returns the exit status."""
    try:
        file = cache.path()
        file.parent.mkdir(parents=True, exist_ok=True)
        return compile_to(file)
    except (NotCompiled, UsageError, OSError) as error:
        print(f"seqshell: the kernels cannot be compiled: {reason_of(error)}", file=sys.stderr)
        return 1


def compile_to(file: Path) -> int:
    """The same, for a file."""
    from filelock import FileLock

    # Waits while another process compiles them. The system releases the lock if that process is killed.
    with FileLock(file.with_name("compiling.lock")):
        try:
            cache.read(file)
        except NotCompiled:
            pass
        else:
            return 0
        cache.note_failure(file, cache.INTERRUPTED)
        try:
            code = object_code()
            try_out(load(code))
        except Exception as error:
            cache.note_failure(file, reason_of(error))
            raise NotCompiled(reason_of(error)) from None
        cache.write(file, code)
        return 0


def object_code() -> bytes:
    """The object code of all kernels for this processor. Raises whatever numba and LLVM raise."""
    for name in [name for name in os.environ if name.startswith("NUMBA_")]:
        del os.environ[name]  # settings such as NUMBA_DISABLE_JIT
    from llvmlite import binding
    from numba import config, types

    from seqshell.kernels import chunks, draws, steps

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    module = binding.parse_assembly("")
    level, config.OPT = config.OPT, type(config.OPT)(0)  # numba would optimise each function in each that calls it
    try:
        for name, source in zip(Kernels._fields, (steps, chunks, draws, steps), strict=True):
            kernel = getattr(source, name)
            kernel.compile((types.int64,))
            (result,) = kernel.overloads.values()
            entry = ENTRY.format(prefix=PREFIX, name=name, inner=result.fndesc.llvm_func_name)
            module.link_in(binding.parse_assembly(result.library.get_llvm_str() + entry))
    finally:
        config.OPT = level
    module.verify()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )
    _optimise(module, machine)
    _check_symbols(module)
    code: bytes = machine.emit_object(module)
    return code


def _optimise(module: Any, machine: Any) -> None:
    """Optimise all kernels at once, for a target machine."""
    from llvmlite import binding

    for function in module.functions:
        if not function.is_declaration and not function.name.startswith(PREFIX):
            function.linkage = binding.Linkage.internal  # so that what is inlined everywhere is left out
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


def _check_symbols(module: Any) -> None:
    """Refuse code that calls a function of a library: the process would end when the code is loaded."""
    for function in module.functions:
        if function.is_declaration and not function.name.startswith("llvm."):
            raise RuntimeError(f"the kernels need {function.name}")


def try_out(kernels: Kernels) -> None:
    """Run a step of each kind of layer in each precision, with three units. Raises RuntimeError if it is wrong."""
    size = 3
    old, first = np.ones((1, size), np.float32), np.full(4 * size, 0.125, np.float32)
    bias, gate = np.zeros(size, np.float32), tanh(0.5) / 2 + 0.5  # 0.5: what each gate computes before its function
    candidate = tanh(0.125 + gate * 0.375)
    expected = {
        layout.TANH: tanh(0.5),
        layout.RELU: 0.5,
        layout.SIGMOID: gate,
        layout.LINEAR: 0.5,
        layout.LSTM: gate * tanh(gate + gate * tanh(0.5)),
        layout.GRU: candidate + gate * (1 - candidate),
    }
    for (kind, value), (precision, number) in product(expected.items(), PRECISIONS.items()):
        gates = {layout.LSTM: 4, layout.GRU: 3}.get(kind, 1)
        weights = blocks_in(precision, np.full((size, gates * size), 0.125, np.float32), gates=gates)
        model = np.zeros(layout.LAYERS + layout.RECORD, np.int64)
        model[[layout.DEPTH, layout.SIZE, layout.ARRAY]] = 1, size, layout.array_offset()
        model[layout.PRECISION], record = number, model[layout.LAYERS :]
        record[[layout.KIND, layout.WEIGHTS, layout.CANDIDATE_BIAS]] = kind, weights.ctypes.data, bias.ctypes.data
        new, cell = np.zeros((1, size), np.float32), np.zeros((1, size), np.float32)
        arrays = id(old), id(old), id(new), id(cell)
        kernels.step(layout.step_words(model.ctypes.data, id(first), 0, 0, *arrays, 0, 0, 1))
        if not np.allclose(new, value, rtol=0, atol=1e-6 if precision != "int8" else 1e-4):
            raise RuntimeError(f"the kernel of kind {kind} in {precision} gives {new[0, 0]}, not {value}")


if __name__ == "__main__":
    with suppress(AttributeError, OSError):
        os.nice(19)
    sys.exit(main())
