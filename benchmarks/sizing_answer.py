"""What to order for a fleet: the cost model's answer, each line with its formula."""

import math
from typing import NamedTuple

from benchmarks.sizing_inputs import DAY_S, Costs, Fleet, Plan, Runner
from benchmarks.sizing_model import (
    LATENESS_DAYS,
    WINDOW_BYTES,
    Work,
    all_work,
    late_slots,
    map_us,
    open_slots,
    shell_reads,
    skew,
    values_per_reading,
)

FLEETS = (
    Fleet("wearables", 1e6, 640, 1.5, 16, 1.0, 0.42, 250, 0.03, 10, 2.0),
    Fleet("cuffs", 1e6, 2, 4.0, 2, 2.0, 0.0, 250, 0.05, 10),
    Fleet("CGMs", 1e6, 288, 1.1, 24, 1.0, 0.0, 250, 0.05, 6),
)
"""A million of each. Wearables send every 90 s for 16 hours, 42 % of it steps, of which
an hour makes one Observation, as `benchmarks/fleet`."""


class Answer(NamedTuple):
    """All that the model says of a fleet."""

    fleet: Fleet
    plan: Plan
    slots: int
    """Of Flink: each a Python worker."""
    python_cores: float
    java_cores: float
    per_s: float
    """Messages, at the peak."""
    peak: Work
    mean: Work
    late: Work
    """What of the mean late messages make."""
    shells: float
    """Patients and Devices looked for on the server, each second, in the mean."""
    observations: float
    """A day, each counted once."""
    files: float
    """Parquet, a day."""
    kept: float
    """Bytes of Parquet, a day."""
    row_memory: float
    """Bytes of memory for each row of a file that is rewritten."""

    @property
    def partitions(self) -> int:
        """Of the topic: a slot each, and as many as the bytes need."""
        mb_s = self.per_s * self.fleet.message_bytes / 1e6
        return max(self.slots, math.ceil(mb_s / self.plan.partition_mb_s))

    @property
    def written(self) -> float:
        """Observations sent to the server, a day: again whenever they change."""
        return self.mean.touched * DAY_S + self.closings

    @property
    def closings(self) -> float:
        """Observations of an hour sent as `final`, a day."""
        fleet = self.fleet
        return fleet.devices * fleet.active_hours if fleet.hourly_share else 0.0

    @property
    def window_bytes(self) -> float:
        """State for the slots that are remembered, whatever the fleet."""
        return self.plan.shards * (24 * LATENESS_DAYS + 1) * WINDOW_BYTES


def answer(fleet: Fleet, plan: Plan, costs: Costs, runner: Runner) -> Answer:
    """What a fleet needs.

    Args:
        fleet: who sends what.
        plan: what is chosen; 0 shards for four a slot.
        costs: of the stages.
        runner: what Flink and Beam add.
    """
    if not plan.shards:
        return _with_shards(fleet, plan, costs, runner)
    per_s = fleet.per_s * fleet.peak
    how = fleet, plan, costs
    files = open_slots(fleet, plan, per_s), late_slots(fleet, plan, per_s)
    even_us = per_s * map_us(costs, runner)
    shell_us = 0.0 if plan.to_files else costs.fhir_server.per_new
    cores = plan.busy - runner.python_idle
    slots, uneven_us = 0, math.inf
    while even_us + skew(slots, _files(fleet, plan)) * uneven_us > slots * cores * 1e6:
        slots += 1
        peak = all_work(files, *how, slots)
        uneven_us = peak.python_us + shell_reads(fleet, slots, per_s) * shell_us
    late = all_work([late_slots(fleet, plan, fleet.per_s)], *how, slots)
    mean = all_work([open_slots(fleet, plan, fleet.per_s)], *how, slots).plus(late)
    return Answer(
        fleet,
        plan,
        slots,
        (even_us + uneven_us) / 1e6 + slots * runner.python_idle,
        per_s * runner.java_us / 1e6 + slots * runner.java_idle,
        per_s,
        peak,
        mean,
        late,
        0.0 if plan.to_files else shell_reads(fleet, slots, fleet.per_s),
        _observations(fleet),
        2 * 24 * plan.shards,
        _kept(fleet, plan, costs),
        costs.store_memory,
    )


def _files(fleet: Fleet, plan: Plan) -> float:
    """Files that get messages at a time."""
    return plan.shards * (1 + (fleet.late_hours if fleet.late_share else 0))


def _with_shards(fleet: Fleet, plan: Plan, costs: Costs, runner: Runner) -> Answer:
    shards = 4
    while True:
        found = answer(fleet, plan._replace(shards=shards), costs, runner)
        if shards >= 4 * found.slots or shards >= 1024:
            return found
        shards *= 2


def _observations(fleet: Fleet) -> float:
    alone = fleet.devices * fleet.messages_per_device * (1 - fleet.hourly_share)
    return alone + (fleet.devices * fleet.active_hours if fleet.hourly_share else 0)


def _kept(fleet: Fleet, plan: Plan, costs: Costs) -> float:
    files = 24 * plan.shards
    rows = fleet.per_s * DAY_S * fleet.readings_per_message / files
    devices = fleet.devices * fleet.active_hours / files
    values = rows * values_per_reading(fleet)
    one = costs.measurement_bytes.of(rows, devices)
    return files * (one + costs.observation_bytes.of(values, devices))
