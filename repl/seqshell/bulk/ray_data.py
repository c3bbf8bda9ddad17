"""Batches on a Ray cluster, through Ray Data: the same function as in the processes here, so the same results.

The lines travel through Ray's object store, so only the model must be found on every machine, under the same name or
path. Ray starts again what is lost with a machine.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

from seqshell.bulk.faults import described, raised
from seqshell.bulk.job import Job
from seqshell.bulk.lines import Batch, Line
from seqshell.bulk.pool import NUMPY, ONE_THREAD, Results
from seqshell.bulk.work import Work
from seqshell.core.errors import SeqshellError, UsageError, reason_of
from seqshell.core.events import Notice

BLOCKS = 16  # for each worker, at least: so that all end at about the same time
MOST_BATCHES = 64  # of a block


class Mapper:
    """What a worker of the cluster runs."""

    def __init__(self, values: str, backend: str) -> None:
        self._work, self._fault = None, ""
        try:
            work = Work(Job.of_json(json.loads(values)))
            if (found := work.ready["backend"]) != backend:
                raise SeqshellError(
                    f"a machine of the cluster has the backend {found}, not {backend}, whose last bits may differ",
                    hint="NUMBA_DISABLE_JIT=1 seqshell bulk ... makes all use numpy",
                )
            self._work = work
        except Exception as error:
            self._fault = json.dumps({"error": described(error)})

    def __call__(self, block: dict[str, Any]) -> dict[str, Any]:
        """block: `number`, `read` and `lines` of batches, the lines as JSON. Returns `results` instead of the lines."""
        results = [self._results(lines) for lines in block["lines"]]
        return {"number": block["number"], "read": block["read"], "results": results}

    def _results(self, lines: str) -> str:
        if self._work is None:
            return self._fault
        try:
            return json.dumps({"results": self._work([Line(*line) for line in json.loads(lines)])})
        except Exception as error:
            return json.dumps({"error": described(error)})


class RayRunner:
    """A Ray cluster: address of one, "auto" for the one that this machine belongs to, "local" for a new one here.

    num_workers: None for one on each CPU of the cluster. num_batches, backend, ready: as of a Pool. UsageError without
    ray or without the cluster.
    """

    def __init__(self, job: Job, address: str, num_workers: int | None, num_batches: int, backend: str = "") -> None:
        self._backend = backend
        self._job, self._address, self._num_workers, self._num_batches = job, address, num_workers, num_batches
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> RayRunner:
        os.environ |= NUMPY if self._backend == "numpy" else {}
        self.ready = Work(self._job).ready  # what is wrong with the job shows here
        self._backend = self.ready["backend"]
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise UsageError(f"--ray needs Ray Data: pip install 'seqshell[cluster]' ({reason_of(error)})") from None
        own = {name: value for name, value in os.environ.items() if name.startswith("SEQSHELL_")}
        is_new = self._address == "local"
        try:
            ray.init(
                address=self._address,
                **({"num_cpus": self._num_workers, "include_dashboard": False} if is_new else {}),
                runtime_env={"env_vars": {**own, **ONE_THREAD, **(NUMPY if self._backend == "numpy" else {})}},
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(f"no Ray cluster at {self._address}: {reason_of(error)}") from None
        if self._num_workers is None:
            self._num_workers = max(1, int(ray.cluster_resources().get("CPU", 1)))
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()

    def results(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Results] | Notice]:
        """Each batch with its results, in their order; the batches come without their lines."""
        import pyarrow
        import ray

        assert self._num_workers is not None
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars, context.execution_options.preserve_order = False, True
        size = max(1, min(MOST_BATCHES, self._num_batches // (self._num_workers * BLOCKS)))
        blocks: list[Any] = []
        numbers: list[int] = []
        while some := list(islice(batches, size)):
            columns: dict[str, list[Any]] = {
                "number": [batch.number for batch in some],
                "read": [batch.read for batch in some],
                "lines": [json.dumps(batch.lines) for batch in some],
            }
            numbers += columns["number"]
            blocks.append(ray.put(pyarrow.table(columns)))
        if not blocks:
            return
        mapped = ray.data.from_arrow_refs(blocks).map_batches(
            Mapper,
            fn_constructor_args=(json.dumps(self._job.as_json()), self._backend),
            batch_size=None,
            concurrency=self._num_workers,
            num_cpus=1,
        )
        for number, row in zip(numbers, mapped.iter_rows(), strict=True):
            found = json.loads(row["results"])
            if "error" in found:
                raise raised(found["error"])
            if row["number"] != number:
                raise SeqshellError(f"Ray returned batch {row['number']} in place of {number}")
            yield Batch(number, (), int(row["read"])), found["results"]
