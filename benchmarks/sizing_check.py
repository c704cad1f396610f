"""What the cost model says of the simulated loads, beside what was measured.

What Flink and Beam add to each message (`Runner`) follows from the loads themselves, so
the cores of a load are predicted with what the other loads say of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.sizing_inputs import Costs, Fleet, Plan, Runner
from benchmarks.sizing_loads import LATE_HOURS, SHARDS, Load, Observed
from benchmarks.sizing_model import (
    WINDOW_BYTES,
    Slots,
    Work,
    all_work,
    map_us,
    shell_reads,
)

NIGHT = Fleet(
    name="simulated",
    devices=0,
    messages_per_device=0,
    peak=1,
    active_hours=24,
    # Of 100 messages 2.3 hold no reading.
    readings_per_message=0.977,
    hourly_share=0.05,
    message_bytes=113,
    late_share=0.03,
    late_hours=LATE_HOURS,
    devices_per_patient=1,
)
"""What the fleet sends in its first hour."""


def simulated(load: Load) -> tuple[Fleet, Plan]:
    """A load in the words of the model."""
    by_day = load.per_s * 86_400 / load.people
    fleet_ = NIGHT._replace(devices=load.people, messages_per_device=by_day)
    return fleet_, Plan(SHARDS, load.flush_s)


def slots_of(seen: Observed) -> list[Slots]:
    """The files of a load in the middle of its measurement."""
    load, t = seen.load, seen.middle_s
    each = seen.messages_per_s / SHARDS
    late = each * NIGHT.late_share / LATE_HOURS
    people = load.people / SHARDS
    found = []
    for files, per_s, before in (
        (SHARDS, each * (1 - NIGHT.late_share), seen.open_rows),
        (SHARDS * LATE_HOURS, late, seen.late_rows),
    ):
        messages = per_s * t
        devices = min(people, messages)
        of_hour = max(1.0, messages / people * NIGHT.hourly_share)
        new = messages * NIGHT.readings_per_message
        rows, values = before.rows + new, before.values + new
        found.append(Slots(files, per_s, rows, rows, values, devices, of_hour))
    return found


class Compared(NamedTuple):
    """A quantity, as the model says and as it was."""

    quantity: str
    predicted: float
    measured: float

    @property
    def ratio(self) -> float:
        """Predicted over measured."""
        return self.predicted / self.measured if self.measured else 0.0


def fitted(costs: Costs, seen: Sequence[Observed]) -> Runner:
    """What Flink and Beam add: the least squares of all these loads."""
    none = Runner(0.0, 0.0, 0.0, 0.0)
    rates = [one.messages_per_s for one in seen]
    python = [one.python_cores - _python_cores(one, costs, none) for one in seen]
    java = [one.java_cores for one in seen]
    return Runner(*_line(rates, python), *_line(rates, java))


def _line(rates: list[float], cores: list[float]) -> tuple[float, float]:
    """Microseconds for each message, and cores without any; neither is negative."""
    columns = np.column_stack([rates, np.ones(len(rates))])
    slope, idle = np.linalg.lstsq(columns, np.array(cores), rcond=None)[0]
    if slope < 0:
        return 0.0, max(0.0, float(np.mean(cores)))
    if idle < 0:
        through_zero = np.dot(rates, cores) / np.dot(rates, rates)
        return max(0.0, float(through_zero)) * 1e6, 0.0
    return float(slope) * 1e6, float(idle)


def _work(seen: Observed, costs: Costs) -> Work:
    return all_work(slots_of(seen), *simulated(seen.load), costs)


def _python_cores(seen: Observed, costs: Costs, runner: Runner) -> float:
    us = _work(seen, costs).python_us
    us += seen.messages_per_s * map_us(costs, runner)
    return us / 1e6 + runner.python_idle


def compared(seen: Observed, costs: Costs, runner: Runner) -> list[Compared]:
    """Every quantity of the model."""
    load = seen.load
    fleet_, plan = simulated(load)
    work = _work(seen, costs)
    shells = shell_reads(fleet_, 1, load.per_s) / plan.bundle
    windows = SHARDS * (1 + LATE_HOURS) * WINDOW_BYTES
    rows = [
        Compared("messages/s sent", load.per_s, seen.sent_per_s),
        Compared("messages/s read", seen.sent_per_s, seen.messages_per_s),
        Compared("firings/s", work.firings, seen.firings_per_s),
        Compared("Observations/s", work.touched, seen.observations_per_s),
        Compared("FHIR requests/s", work.requests + shells, seen.requests_per_s),
        Compared("Python cores", _python_cores(seen, costs, runner), seen.python_cores),
        Compared(
            "Java cores",
            seen.messages_per_s * runner.java_us / 1e6 + runner.java_idle,
            seen.java_cores,
        ),
        Compared(
            "Parquet kB/s written", work.bytes_written / 1e3, seen.written_per_s / 1e3
        ),
        Compared(
            "checkpoint kB", (work.state_bytes + windows) / 1e3, seen.checkpoint / 1e3
        ),
    ]
    if seen.kept:
        end = seen._replace(middle_s=seen.middle_s + seen.seconds / 2)
        kept = sum(
            each.files
            * (
                costs.measurement_bytes.of(each.rows, each.devices)
                + costs.observation_bytes.of(each.values, each.devices)
            )
            for each in slots_of(end)
        )
        rows.append(Compared("Parquet kB kept", kept / 1e3, seen.kept / 1e3))
    return rows
