"""What a local cluster is made of, and where."""

import dataclasses
import json
import socket
from collections.abc import Mapping
from pathlib import Path

JOB_MANAGER, JOB_SERVER, EXPANSION = "jobmanager", "jobserver", "expansion"

TASK_MANAGER = "taskmanager-"
"""With a number from 1."""

PORTS = {"rest": 8081, "rpc": 6123, "job": 8099, "artifacts": 8098, "expansion": 8097}
"""Ports by purpose, as Flink and Beam have them."""

FIRST_METRICS_PORT = 9249
"""Of the JobManager; the TaskManagers follow."""

_FILE = "cluster.json"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A cluster.

    Args:
        folder: its logs, its configuration, and by default its state.
        libraries: folder of the jars.
        python: the interpreter that workers run; it has vitalbeam.
        task_managers: how many.
        slots: of each of them.
        ports: by purpose; `metrics-<part>` is where Prometheus finds a part.
    """

    folder: Path
    libraries: Path
    python: Path
    task_managers: int
    slots: int
    ports: Mapping[str, int]

    @property
    def parts(self) -> tuple[str, ...]:
        """Their names, in the order in which they start."""
        workers = (f"{TASK_MANAGER}{i + 1}" for i in range(self.task_managers))
        return (JOB_MANAGER, *workers, JOB_SERVER, EXPANSION)

    @property
    def state(self) -> Path:
        """The folder of checkpoints and savepoints."""
        return self.folder / "state"

    @property
    def temporary(self) -> Path:
        """For what is of no use once the cluster is down: jobs' copies of the jars."""
        return self.folder / "temporary"

    def log(self, part: str) -> Path:
        """What a part prints."""
        return self.folder / "logs" / f"{part}.log"

    def worker(self, language: str) -> Path:
        """The script that a TaskManager starts a worker with."""
        return self.folder / f"{language}-worker"

    def save(self) -> None:
        """Writes the settings into the folder."""
        document = dataclasses.asdict(self)
        text = json.dumps(document, default=str, indent=2)
        (self.folder / _FILE).write_text(f"{text}\n", encoding="utf-8")


def saved(folder: Path) -> Settings | None:
    """The settings of the cluster in a folder; None if there is none."""
    try:
        document = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    for name in ("folder", "libraries", "python"):
        document[name] = Path(document[name])
    return Settings(**document)


def usual_ports(task_managers: int) -> dict[str, int]:
    """The ports of a machine with one cluster."""
    metrics = {
        f"metrics-{part}": FIRST_METRICS_PORT + number
        for number, part in enumerate(_measured(task_managers))
    }
    return {**PORTS, **metrics}


def free_ports(task_managers: int) -> dict[str, int]:
    """As many ports that nobody listens at, for a second cluster or a test."""
    names = tuple(usual_ports(task_managers))
    sockets = [socket.socket() for _ in names]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        numbers = [each.getsockname()[1] for each in sockets]
        return dict(zip(names, numbers, strict=True))
    finally:
        for each in sockets:
            each.close()


def _measured(task_managers: int) -> tuple[str, ...]:
    workers = (f"{TASK_MANAGER}{i + 1}" for i in range(task_managers))
    return (JOB_MANAGER, *workers)
