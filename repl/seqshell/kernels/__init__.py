"""Compiled time steps of recurrent layers. numba compiles them once for a machine; sessions load the object code alone.

    layout       the words that a kernel is called with
    lanes        vectors of 16 numbers for numba
    narrow       products with weights in bf16 and int8
    rounding     makes those weights
    scalars      single numbers for numba
    doubles      vectors of 8 numbers for numba
    cells        the kernels of one step of a layer
    sharing      how two threads share a step
    steps        the kernels of time steps of all layers and the read-out
    draws        the kernels that draw tokens between steps
    chunks       the kernel that reads many tokens
    compile      makes the object code; `python -m seqshell.kernels.compile` runs it
    cache        the file of the object code
    loading      loads the file with llvmlite alone, without numba
    second_thread  the thread that helps
    background   compiles in a process of its own

    batches      the kernels of training, which run in torch's threads

`seqshell.layers.CompiledStack` calls the kernels, `seqshell.layers.recurrence` those of training.
"""
