"""Join the processes that torchrun has started."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from seqshell.core.errors import RecipeError
from seqshell.training.distributed.lost import Watch
from seqshell.training.distributed.ranks import Ranks

# A process waits while the writer validates and writes. One that has ended is noticed at once, whatever the limit.
LONGEST_WAIT = timedelta(days=1)
JOINS = itertools.count()  # a process may join again after it has left
FOR_ALL = timedelta(minutes=5)  # until all processes have come


@contextmanager
def joined() -> Iterator[Ranks]:
    """The processes that torchrun has started, as a group that this one has joined; it leaves at the end.

    With GPUs, each process takes one of its own. Raises RecipeError if the processes cannot be joined.
    """
    backend = "gloo"
    if torch.cuda.is_available():
        number, available = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if number >= available:
            raise RecipeError(f"too few GPUs: this machine has {available}; start at most as many processes on it")
        torch.cuda.set_device(number)
        backend = "cpu:gloo,cuda:nccl"
    prefix = dist.PrefixStore  # type: ignore[attr-defined]  # torch does not say that it exports it
    try:
        store, rank, size = next(iter(rendezvous("env://", timeout=FOR_ALL)))
        restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
        store = prefix(f"{restarts}/{next(JOINS)}", store)
        dist.init_process_group(
            backend, store=prefix("messages", store), rank=rank, world_size=size, timeout=LONGEST_WAIT
        )
        group = Ranks(Watch(prefix("watch", store), rank, size), restarts)
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise RecipeError(f"cannot join the processes of torchrun: {reason}") from None
    yield group
    dist.destroy_process_group()
