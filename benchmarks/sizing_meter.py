"""What a stream on the local cluster does and takes: counters, CPU, bytes written.

CPU seconds and bytes are those of processes, from Linux's /proc: the work of others on
this machine is not among them.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

import requests

from deploy.flink.grafana.names import COUNTERS, reported
from deploy.flink.local import processes
from deploy.flink.local.cluster import WORKERS, Cluster
from deploy.flink.local.settings import TASK_MANAGER, Settings

_TICKS = os.sysconf("SC_CLK_TCK")

_NAMES = {
    **COUNTERS,
    "FileWritten": reported("WriteObservations", "FileWritten"),
}


class Meters(NamedTuple):
    """What had happened until a moment."""

    at: float
    counters: dict[str, float]
    python_s: float
    """CPU of the Python workers."""
    java_s: float
    """CPU of the TaskManagers and the workers of Beam's Kafka reader."""
    written: float
    """Bytes that the Python workers handed to the disk."""


def read(settings: Settings) -> Meters:
    """Reads all meters of a cluster."""
    cluster = Cluster(settings)
    parts = [part for part in settings.parts if part.startswith(TASK_MANAGER)]
    managers = [pid for pid in map(cluster.pid, parts) if pid is not None]
    python, java = (
        processes.children(managers, WORKERS[kind])
        for kind in ("python-workers", "java-workers")
    )
    return Meters(
        time.time(),
        _counters(settings, parts),
        sum(map(_cpu_s, python)),
        sum(map(_cpu_s, [*managers, *java])),
        sum(map(_written, python)),
    )


def _counters(settings: Settings, parts: list[str]) -> dict[str, float]:
    totals = dict.fromkeys(_NAMES, 0.0)
    for part in parts:
        port = settings.ports[f"metrics-{part}"]
        text = requests.get(f"http://localhost:{port}/metrics", timeout=30).text
        for name, value in sums(text).items():
            totals[name] += value
    return totals


def sums(exposition: str) -> dict[str, float]:
    """Our counters in what Flink's Prometheus reporter answers, over all operators."""
    ours = {long: short for short, long in _NAMES.items()}
    totals: dict[str, float] = {}
    for line in exposition.splitlines():
        name = ours.get(line.partition("{")[0])
        if name is not None:
            totals[name] = totals.get(name, 0.0) + float(line.rpartition(" ")[2])
    return totals


def _cpu_s(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat").read_text()
    # The name of a program, in parentheses, may hold anything.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _written(pid: int) -> float:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    known = dict(line.split(": ") for line in lines)
    return float(known["write_bytes"])
