# SPDX-License-Identifier: MIT
"""Rows of what a sample costs on a device, run by the backend as a host's generator runs it, in batches."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from icegen.archive import Archive
from icegen.bench.busy import busy
from icegen.bench.eager import eager
from icegen.bench.limits import Limits, Work, limits, work_of
from icegen.bench.rows import Row, paired, quartiles, ratio, timed
from icegen.host.backend import Backend

BATCHES = (1, 16, 64)
BATCH = 16  # where one is enough
RECORD = "ICEGEN_RECORD"


@dataclass
class OnDevice:
    """An archive on a device.

    pairs: number of runs of each alternative;  batches: numbers of members sampled together.
    """

    archive: Archive
    device: torch.device
    threads: int
    pairs: int
    batches: tuple[int, ...] = BATCHES
    _limits: dict[str, Limits] = field(default_factory=dict)
    _work: dict[tuple[int, str], Work] = field(default_factory=dict)
    _members: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def batch(self) -> int:
        """The batch where one is enough."""
        return min(BATCH, self.batches[-1])

    @contextmanager
    def model(self, precision: str = "float32", name: str = "torch") -> Iterator[Callable[[int], Callable[[], None]]]:
        """A model of the backend: by the number of members, the work of sampling as many, each time others.

        Raises FileNotFoundError without the compiled backend.
        """
        with Backend(self.archive.path, str(self.device), precision, self.threads, name) as model:

            def sampling(members: int) -> Callable[[], None]:
                def sample() -> None:
                    model.generate([next(self._members) for _ in range(members)])

                return sample

            yield sampling

    def limits(self, precision: str) -> Limits:
        """Of the device, measured once."""
        if precision not in self._limits:
            self._limits[precision] = limits(self.device, precision)
        return self._limits[precision]

    def work(self, members: int, precision: str) -> Work:
        """What a batch asks for, counted once."""
        if (members, precision) not in self._work:
            evaluations = self.archive.metadata["sampler"]["evaluations"]
            self._work[members, precision] = work_of(eager(self.archive), evaluations, members, precision)
        return self._work[members, precision]

    def seconds(self, members: int, precision: str) -> Row:
        """Seconds of a sample in a batch, with what the batch asks of the device."""
        with self.model(precision) as sampling:
            work = sampling(members)
            times = [timed(work) / members for _ in range(self.pairs + 2)][2:]
        median, most = sorted(times)[len(times) // 2], self.limits(precision)
        asked = self.work(members, precision)
        detail = {
            "members": members,
            "precision": precision,
            "operations": asked.operations,
            "weight_bytes": asked.bytes,
            "operations_per_second": asked.operations / (median * members),
            "most_operations_per_second": most.operations,
            "most_bytes_per_second": most.bandwidth,
        }
        what = f"a sample in {precision}, {members} together"
        return Row(what, "", median, quartiles(times), None, (median,), "s", (detail,))

    def of_limit(self, members: int, precision: str) -> Row:
        """The time that a batch takes over the least that the device could take."""
        least, most = self.limits(precision).seconds(self.work(members, precision)), self.limits(precision)
        with self.model(precision) as sampling:
            work = sampling(members)
            pairs = [(timed(work), least) for _ in range(self.pairs + 2)][2:]
        against = (
            f"the device's limit: {most.operations / 1e12:.3g} TFLOP/s in products, {most.bandwidth / 1e9:.4g} GB/s"
        )
        return ratio(f"{members} samples in {precision}", against, pairs, "s", None)

    def kernels(self, members: int, precision: str = "float32") -> Row:
        """The share of the time in which kernels run. Raises ValueError without a GPU."""
        return self._shares(members, precision)[0]

    def copies(self, members: int, precision: str = "float32") -> Row:
        """The share of the time in which states are copied to the host and no kernel runs. ValueError without a GPU."""
        return self._shares(members, precision)[1]

    def _shares(self, members: int, precision: str) -> tuple[Row, Row]:
        self._require_gpu("kernels are counted")
        with self.model(precision) as sampling:
            found = [busy(sampling(members)) for _ in range(self.pairs)]
        against = f"the time of {members} samples in {precision}"
        pairs = [[(one.kernels, one.seconds), (one.copies_alone, one.seconds)] for one in found]
        whats = ("time in which kernels run", "time of copies to the host that no kernel hides")
        rows = [ratio(what, against, [p[i] for p in pairs], "s", None) for i, what in enumerate(whats)]
        return rows[0], rows[1]

    def half_precision(self) -> Row:
        """A batch in bfloat16 over one in float32."""
        with self.model("bfloat16") as half, self.model() as whole:
            what = f"{self.batch} samples in bfloat16"
            return paired(what, half(self.batch), "in float32", whole(self.batch), self.pairs, None)

    def recorded(self, members: int) -> Row:
        """A batch of which the sampler's kernels are recorded and replayed, over one that launches them one by one.

        Raises ValueError where nothing is recorded.
        """
        self._require_gpu("work is recorded")
        if tuple(int(n) for n in torch.__version__.split(".")[:2]) < (2, 13):
            raise ValueError(f"torch is {torch.__version__}; 2.13 or newer records")
        with environment(RECORD, "on"), self.model() as recorded, environment(RECORD, "off"), self.model() as running:
            what, against = f"{members} samples, recorded and replayed", "launched kernel by kernel"
            return paired(what, recorded(members), against, running(members), self.pairs, None)

    def compiled(self) -> Row:
        """A sample by compiled networks over one by TorchScript. Raises ValueError without such networks here."""
        with self.model(name="aoti") as compiled, self.model() as scripted:
            what, against = "a sample by compiled networks", "by TorchScript"
            return paired(what, compiled(1), against, scripted(1), self.pairs, None)

    def _require_gpu(self, what: str) -> None:
        if self.device.type != "cuda":
            raise ValueError(f"the device is {self.device}; wanted a GPU, whose {what}")


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
