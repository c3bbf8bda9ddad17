"""How two threads share a step: each computes half of the blocks of a layer, then they meet, and so on.

Both run the same code and count their meetings. Before a part, the helper replaces the number of its last part by the
next one in BEGUN, in one instruction. A caller that waits for a helper in vain, because its core is busy with something
else, puts the negative number there, so that the helper can no longer begin; the caller then does the rest of the step
alone. It must wait for a helper that has begun and lost its core. After both, it does some steps alone, more of them
each time. A helper that comes too late reads what is a team's, but nothing of a model that may be gone meanwhile.

Another core's memory takes a while to arrive. So a core has to itself what the other need not know, and what both know,
such as who computes which blocks, is not said.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from seqshell.kernels.functions import called
from seqshell.kernels.lanes import CACHE_LINE, INT, INT32, word
from seqshell.kernels.layout import (
    ASLEEP,
    BEGUN,
    CALLER,
    CALLER_DONE,
    HELPER,
    HELPER_DONE,
    HELPER_MEETINGS,
    IN_USE,
    IS_ALONE,
    JOB,
    MEETINGS,
    MOST_ALONE,
    NUM_ALONE,
    PATIENCE,
    WAS_LATE,
    WORD,
)
from seqshell.kernels.scalars import put_int64

IS_ARM = binding.get_process_triple().startswith(("aarch64", "arm64"))
IN_VAIN = 64  # this part of its patience has a caller with a helper that has not begun


@intrinsic  # type: ignore[untyped-decorator]
def shared_word(context: Any, address: Any) -> Any:
    """The int64 at an address, which another thread may have written, and with it all that it wrote before."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(args[0], INT.as_pointer()), "acquire", WORD)

    return types.int64(types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def put_shared(context: Any, address: Any, number: Any) -> Any:
    """Write an int64 that another thread may read, and for it all that was written before."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store_atomic(args[1], builder.inttoptr(args[0], INT.as_pointer()), "release", WORD)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def replaced(context: Any, address: Any, before: Any, after: Any) -> Any:
    """Replace the int64 at an address if it is still `before`. Returns whether it was."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], INT.as_pointer())
        return builder.extract_value(builder.cmpxchg(pointer, args[1], args[2], "acq_rel", "acquire"), 1)

    return types.boolean(types.int64, types.int64, types.int64), lower


@intrinsic  # type: ignore[untyped-decorator]
def pause(context: Any) -> Any:
    """A hint for the processor: this thread waits for another."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if IS_ARM:
            hint = ir.FunctionType(ir.VoidType(), [INT32])
            builder.call(builder.module.declare_intrinsic("llvm.aarch64.hint", (), hint), [ir.Constant(INT32, 1)])
        else:
            nothing = ir.FunctionType(ir.VoidType(), [])
            builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), nothing), [])
        return context.get_dummy_value()

    return types.void(), lower


@called
def begin(team):
    """Let the helper take part in a step. Returns the team, or 0 if the caller does the step alone."""
    if team == 0:
        return 0
    alone = word(team + NUM_ALONE * WORD)
    if alone > 0:
        put_int64(team + NUM_ALONE * WORD, alone - 1)
        return 0
    if shared_word(team + ASLEEP * WORD) != 0 or not replaced(team + IN_USE * WORD, 0, 1):
        return 0
    meetings = word(team + MEETINGS * WORD)
    if word(team + IS_ALONE * WORD) != 0:
        put_int64(team + IS_ALONE * WORD, 0)
        put_shared(team + BEGUN * WORD, meetings)
    return team


@called
def put_job(team, model, rows, first, inputs, state, new, outputs, logits):
    """Give the helper what `model_step` computes."""
    job = team + JOB * WORD
    put_int64(job + 1 * WORD, model)
    put_int64(job + 2 * WORD, rows)
    put_int64(job + 3 * WORD, first)
    put_int64(job + 4 * WORD, inputs)
    put_int64(job + 5 * WORD, state[0])
    put_int64(job + 6 * WORD, state[1])
    put_int64(job + 7 * WORD, new[0])
    put_int64(job + 8 * WORD, new[1])
    put_int64(job + 9 * WORD, outputs)
    put_int64(job + 10 * WORD, logits)
    put_shared(job, word(team + MEETINGS * WORD))


@called
def job_word(job, index):
    """A word of a job."""
    return word(job + index * WORD)


@called
def end(team):
    """The caller needs the team no longer."""
    if team != 0:
        put_shared(team + IN_USE * WORD, 0)


@called
def may_begin(team, side):
    """Whether this thread may begin its part of what follows the last meeting. It must not, if it is too late."""
    if team == 0 or side == CALLER:
        return True
    meetings, pauses = word(team + HELPER_MEETINGS * WORD), 0
    while shared_word(team + CALLER_DONE * WORD) < meetings and pauses < word(team + PATIENCE * WORD):
        pause()
        pauses += 1
    return pauses < word(team + PATIENCE * WORD) and replaced(team + BEGUN * WORD, meetings, meetings + 1)


@intrinsic  # type: ignore[untyped-decorator]
def _fetch(context: Any, address: Any) -> Any:
    """A hint for the processor: this thread will read an address."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, INT32, INT32, INT32])
        options = [ir.Constant(INT32, option) for option in (0, 3, 1)]  # to read; as near as possible; data
        builder.call(builder.module.declare_intrinsic("llvm.prefetch.p0", (), kind), [pointer, *options])
        return context.get_dummy_value()

    return types.void(types.int64), lower


@called
def fetch(team, address, number):
    """Get all of `number` floats at once, of which the other core has half."""
    if team != 0:
        for place in range(0, 4 * number, CACHE_LINE):
            _fetch(address + place)


@called
def own_blocks(team, side, number):
    """The blocks of `number` that this thread computes, from and to."""
    first, last = 0, number
    if team != 0:
        if side == HELPER:
            first = (number + 1) // 2
        elif word(team + IS_ALONE * WORD) == 0:
            last = (number + 1) // 2
    return first, last


@called
def meet(team, side, number):
    """Say that the own part is done. Returns the blocks that are left, from and to: those of a helper that is away."""
    if team == 0:
        return number, number
    if side == HELPER:
        meetings = word(team + HELPER_MEETINGS * WORD) + 1
        put_int64(team + HELPER_MEETINGS * WORD, meetings)
        put_shared(team + HELPER_DONE * WORD, meetings)
        return number, number
    meetings = word(team + MEETINGS * WORD) + 1
    put_int64(team + MEETINGS * WORD, meetings)
    put_shared(team + CALLER_DONE * WORD, meetings)
    if word(team + IS_ALONE * WORD) != 0:
        return number, number
    pauses, patience = 0, word(team + PATIENCE * WORD)
    often = patience // IN_VAIN + 1
    while shared_word(team + HELPER_DONE * WORD) < meetings:
        pause()
        pauses += 1
        if pauses % often == 0 and replaced(team + BEGUN * WORD, meetings - 1, -meetings):
            put_int64(team + IS_ALONE * WORD, 1)
            break
    was_late, is_alone = word(team + WAS_LATE * WORD), word(team + IS_ALONE * WORD)
    if is_alone != 0 or pauses > patience:
        was_late = min(2 * was_late + 1, MOST_ALONE)
        put_int64(team + NUM_ALONE * WORD, was_late)
    else:
        was_late = max(was_late - 1, 0)
    put_int64(team + WAS_LATE * WORD, was_late)
    return (number + 1) // 2 if is_alone != 0 else number, number
