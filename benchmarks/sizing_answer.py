"""What to order for a fleet: the cost model's answer, each line with its formula."""

import math
from typing import NamedTuple

from benchmarks.sizing_costs import Costs
from benchmarks.sizing_model import (
    DAY_S,
    HOUR_S,
    LATENESS_DAYS,
    WINDOW_BYTES,
    Fleet,
    Plan,
    Runner,
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


class Line(NamedTuple):
    """One number of an answer."""

    name: str
    value: float
    unit: str
    formula: str


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
    peak, mean = (
        all_work(
            (open_slots(fleet, plan, rate), late_slots(fleet, plan, rate)),
            fleet,
            plan,
            costs,
            runner,
        )
        for rate in (per_s, fleet.per_s)
    )
    shell_us = 0.0 if plan.to_files else costs.fhir_server.per_new
    shells_us = shell_reads(fleet, 1, per_s) * shell_us
    even_us = per_s * map_us(costs, runner)
    uneven_us = peak.python_us + shells_us
    slots = _slots(fleet, plan, even_us, uneven_us, plan.busy - runner.python_idle)
    busy = even_us + uneven_us
    return Answer(
        fleet,
        plan,
        slots,
        busy / 1e6 + slots * runner.python_idle,
        per_s * runner.java_us / 1e6 + slots * runner.java_idle,
        per_s,
        peak,
        mean,
        0.0 if plan.to_files else shell_reads(fleet, slots, fleet.per_s),
        _observations(fleet),
        2 * 24 * plan.shards,
        _kept(fleet, plan, costs),
        costs.store_memory,
    )


def _slots(
    fleet: Fleet, plan: Plan, even_us: float, uneven_us: float, cores: float
) -> int:
    """Slots of which the busiest has no more than so many cores of work."""
    files = plan.shards * (1 + (fleet.late_hours if fleet.late_share else 0))
    slots = 1
    while even_us + skew(slots, files) * uneven_us > slots * cores * 1e6:
        slots += 1
    return slots


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


def lines(found: Answer) -> list[Line]:
    """Every number, with where it comes from."""
    fleet, plan, peak, mean = found.fleet, found.plan, found.peak, found.mean
    per_day = fleet.per_s * DAY_S
    readings = per_day * fleet.readings_per_message
    cores = found.python_cores + found.java_cores
    requests = mean.requests + found.shells / plan.bundle
    kafka = fleet.per_s * fleet.message_bytes
    return [
        Line("messages a day", per_day, "", "devices × messages_per_device"),
        Line("messages/s at the peak", found.per_s, "", "a day ÷ 86,400 × peak"),
        Line(
            "CPU of a message on its way",
            found.per_s and 1e6 * (cores / found.per_s),
            "µs",
            "all cores ÷ messages/s, at the peak",
        ),
        Line(
            "Python cores",
            found.python_cores,
            "",
            "messages/s × map µs + firings/s × (fixed + new + rows)",
        ),
        Line(
            "of these for rewriting rows",
            peak.python_us / 1e6,
            "",
            "firings/s × (fixed + new × per_new + rows × per_row)",
        ),
        Line("Java cores", found.java_cores, "", "messages/s × java µs"),
        Line("slots of Flink", found.slots, "", "Python cores × skew ÷ busy"),
        Line("shards", plan.shards, "", "≥ 4 × slots, a power of two"),
        Line(
            "Kafka partitions",
            found.partitions,
            "",
            "max(slots, MB/s ÷ partition_mb_s)",
        ),
        Line("Kafka in, peak", found.per_s * fleet.message_bytes / 1e6, "MB/s", ""),
        Line(
            "Kafka retained",
            kafka * HOUR_S * plan.retention_h * plan.replicas / 1e9,
            "GB",
            "bytes/s × retention_h × replicas",
        ),
        Line("firings/s, peak", peak.firings, "", "files ÷ (flush_s + wait)"),
        Line(
            "rows of the fullest file",
            2 * open_slots(fleet, plan, found.per_s).rows,
            "",
            "readings an hour ÷ shards, at the peak",
        ),
        Line("longest firing", peak.longest_s, "s CPU", "must stay below flush_s"),
        Line(
            "memory of that firing",
            2 * open_slots(fleet, plan, found.per_s).rows * found.row_memory / 1e9,
            "GB",
            "rows × store_memory",
        ),
        Line(
            "rows rewritten for a reading",
            mean.rows * DAY_S / readings,
            "×",
            "firings/s × rows ÷ readings/s",
        ),
        Line("Parquet files a day", found.files, "", "2 tables × 24 × shards"),
        Line("Parquet kept a day", found.kept / 1e9, "GB", "files, rows, devices"),
        Line(
            "a Parquet file, mean", found.kept / found.files / 1e6, "MB", "kept ÷ files"
        ),
        Line(
            "Parquet written a day",
            mean.bytes_written * DAY_S / 1e9,
            "GB",
            "firings × bytes of a file",
        ),
        Line("Observations a day", found.observations, "", "by mapping"),
        Line(
            "Observations sent a day",
            found.written,
            "",
            "touched by a firing, and once as final",
        ),
        Line(
            "FHIR requests/s, mean",
            requests,
            "",
            "sent ÷ bundle + ½ a firing, + shells ÷ bundle",
        ),
        Line(
            "the same with --fhir_merge",
            2 * mean.requests + found.shells / plan.bundle,
            "",
            "each Observation is read first",
        ),
        Line(
            "the same without Bundles",
            mean.touched + found.shells,
            "",
            "--fhir_bundle_size=1",
        ),
        Line(
            "Observations/s sent, peak",
            peak.touched,
            "",
            "what the FHIR server must take",
        ),
        Line(
            "FHIR servers",
            math.ceil(peak.touched / plan.server_per_s),
            "",
            "sent at the peak ÷ server_per_s",
        ),
        Line(
            "state of Flink, peak",
            (found.window_bytes + peak.state_bytes) / 1e6,
            "MB",
            "242 B × shards × 169 hours + what waits for a firing",
        ),
    ]
