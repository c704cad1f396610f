"""A stream to be measured: the broker, the cluster, the job, and what it has stored."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import requests

from benchmarks.measure import FLEET, ROOT
from benchmarks.stream_feed import Topic
from deploy.flink.local.__main__ import options
from deploy.flink.local.settings import Settings, saved
from pipeline.flink_rest import FlinkRest


@contextlib.contextmanager
def kafka(folder: Path, servers: str | None) -> Iterator[str]:
    """Where a broker answers: the one that is named, else that of the tests."""
    if servers is not None:
        yield servers
        return
    sys.path.insert(0, str(ROOT / "tests" / "integration"))
    # Here, as it needs what a broker that is named does not: Maven, and pytest.
    from kafka_broker import KafkaBroker  # type: ignore[import-not-found]

    folder.mkdir()
    with KafkaBroker(folder) as broker:
        yield broker.servers


@contextlib.contextmanager
def flink(folder: Path) -> Iterator[Settings]:
    """A cluster of two TaskManagers of one slot."""
    command = [sys.executable, "-m", "deploy.flink.local", f"--folder={folder}"]
    # With `--stay` it ends when its standard input does: with this block or process.
    with subprocess.Popen(
        [*command, "up", "--free_ports", "--stay"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        ready = process.stdout is not None and process.stdout.readline()
        settings = saved(folder)
        if not ready or settings is None:
            msg = "the cluster did not start"
            raise RuntimeError(msg)
        yield settings


class Job:
    """A job on the cluster, as whoever operates it sees it.

    Args:
        settings: of the cluster.
        topic: what it reads.
        out: where it writes.
        flags: more of `vitalbeam run`.
    """

    def __init__(
        self, settings: Settings, topic: Topic, out: Path, *flags: str
    ) -> None:
        self.rest = FlinkRest(f"http://localhost:{settings.ports['rest']}")
        self._base = f"http://localhost:{settings.ports['rest']}/jobs"
        self._measurement = out / "measurement"
        self._rows: dict[Path, tuple[int, int]] = {}
        command = [
            *(sys.executable, "-m", "pipeline", "run", str(FLEET)),
            *(f"--messages={topic.place}", f"--out={out}"),
            *(f"--job_name={topic.name}", f"--kafka_group={topic.name}"),
            *options(settings),
            *flags,
        ]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False
        )
        found = self.rest.job(topic.name)
        if done.returncode or found is None:
            msg = f"the job was not taken:\n{done.stderr[-2000:]}"
            raise RuntimeError(msg)
        self._id = found.id

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.rest.cancel(self._id)

    def stored(self) -> int:
        """Readings in the store now."""
        for path in self._measurement.rglob("*.parquet"):
            # A file is replaced as a whole: it is read again when it is another one.
            with contextlib.suppress(FileNotFoundError, pa.ArrowInvalid):
                version = path.stat().st_mtime_ns
                if self._rows.get(path, (0, 0))[0] != version:
                    self._rows[path] = version, pq.read_metadata(path).num_rows
        return sum(rows for _, rows in self._rows.values())

    def checkpoints(self) -> list[dict[str, Any]]:
        """The last completed checkpoints, as Flink tells of them, oldest first."""
        found = requests.get(f"{self._base}/{self._id}/checkpoints", timeout=30).json()
        return sorted(
            (each for each in found["history"] if each["status"] == "COMPLETED"),
            key=lambda each: each["id"],
        )

    def restored_at(self) -> float:
        """When it last went on from a checkpoint, in seconds since 1970."""
        moment = self.rest.checkpoints(self._id).restored_at
        return moment.timestamp() if moment else 0.0
