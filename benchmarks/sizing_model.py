"""What a fleet needs: a cost model of the pipeline as a stream, pure arithmetic.

A stream writes a slot's file (an hour of a shard) anew at each firing, with all that it
holds. So a message costs twice: once on its way to the slot, whatever the fleet, and
again and again as rows of a file that other messages have rewritten. The first grows
with messages, the second with rows times firings:

    firings/s = files / (flush_s + wait for the next message)
    CPU/s = messages/s * map_us + firings/s * (fixed + new * per_new + rows * per_row)

`Slots` are files that live alike: those of the hour that it is, which grow from
nothing, and those of hours before, which late messages reach when they are full.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.sizing_inputs import HOUR_S, Costs, Fleet, Plan, Runner

SHELL_S, SHELLS = 300.0, 200_000
"""Seconds for which a worker remembers a Patient or Device of a server, and how many of
them (`pipeline/fhir_shells.py`)."""

WINDOW_BYTES = 242
"""Of state for a slot and shard whose window has not expired, as measured on Flink."""

LATENESS_DAYS = 7
"""Days for which windows are kept."""


class Slots(NamedTuple):
    """Files that live alike, one per slot and shard."""

    files: float
    messages_per_s: float
    """To each file."""
    rows: float
    """Of its measurement file, in the mean over its firings."""
    most_rows: float
    """The same when it is fullest."""
    values: float
    """Rows of its observation file."""
    devices: float
    """With readings in the file."""
    period_readings: float
    """Readings of an Observation of an hour when it is touched."""


class Work(NamedTuple):
    """What the firings of some slots do each second, and cost."""

    firings: float
    rows: float
    """Of the measurement table, written again."""
    touched: float
    """Observations made, and sent to the server."""
    requests: float
    """To the FHIR server."""
    python_us: float
    rows_us: float
    """What of that is rewriting rows."""
    bytes_written: float
    """Of Parquet."""
    state_bytes: float
    """On the way to the slots; not each second, but at any time."""
    longest_s: float
    """CPU seconds of one firing of the fullest file."""

    def plus(self, other: "Work") -> "Work":
        """Both together."""
        summed = (a + b for a, b in zip(self, other, strict=True))
        longest = max(self.longest_s, other.longest_s)
        return Work(*summed)._replace(longest_s=longest)


def open_slots(fleet: Fleet, plan: Plan, per_s: float) -> Slots:
    """The files of the hour that it is: in the mean half of what they will be."""
    on_time = per_s * (1 - fleet.late_share) / plan.shards
    rows = on_time * HOUR_S * fleet.readings_per_message
    return Slots(
        plan.shards,
        on_time,
        rows / 2,
        rows,
        rows / 2 * values_per_reading(fleet),
        _devices_of_an_hour(fleet, per_s) / plan.shards,
        _period_readings(fleet) / 2,
    )


def late_slots(fleet: Fleet, plan: Plan, per_s: float) -> Slots:
    """The files of the hours before, which are full."""
    hours = max(1.0, fleet.late_hours)
    rows = per_s * HOUR_S * fleet.readings_per_message / plan.shards
    return Slots(
        plan.shards * hours,
        per_s * fleet.late_share / hours / plan.shards,
        rows,
        rows,
        rows * values_per_reading(fleet),
        _devices_of_an_hour(fleet, per_s) / plan.shards,
        _period_readings(fleet),
    )


def _devices_of_an_hour(fleet: Fleet, per_s: float) -> float:
    """Devices that send in an hour of that many messages."""
    mean = fleet.messages_per_device / fleet.active_hours
    sending = per_s * HOUR_S / max(1.0, mean)
    return min(fleet.devices, sending)


def _period_readings(fleet: Fleet) -> float:
    """Readings of a device's hour, of the types that make one Observation of it."""
    an_hour = fleet.messages_per_device / fleet.active_hours
    return max(1.0, an_hour * fleet.hourly_share) * fleet.readings_per_message


def work(
    slots: Slots, fleet: Fleet, plan: Plan, costs: Costs, workers: int = 1
) -> Work:
    """What slots do each second; each of the workers has batches for all of them."""
    wait_s = max(1 / max(slots.messages_per_s, 1e-9), plan.bundle_s / 2)
    firings = slots.files / (plan.flush_s + wait_s)
    messages = slots.files * slots.messages_per_s / firings  # of a firing
    new = messages * fleet.readings_per_message
    alone = messages * (1 - fleet.hourly_share)
    periods = _hit(messages * fleet.hourly_share, slots.devices)
    touched = alone + periods
    values = slots.values
    batches = min(messages, workers * plan.flush_s / plan.bundle_s)
    us = (
        costs.batch_us * batches
        + costs.store.us(new, slots.rows)
        + costs.observe.us(touched, periods * slots.period_readings)
        + costs.observations.us(touched, values)
        + _sink_us(touched, values, plan, costs)
    )
    written = costs.measurement_bytes.of(slots.rows, slots.devices)
    written += costs.observation_bytes.of(values, slots.devices)
    # In the mean half of what a firing hands on is waiting for it.
    waiting = costs.state_bytes.fixed * batches + costs.state_bytes.per_new * new
    row_us = costs.store.per_row + values / max(1.0, slots.rows) * (
        costs.observations.per_row + (costs.fhir_files.per_row if plan.to_files else 0)
    )
    # Firings of one bundle of the runner are sent together.
    outboxes = firings / (1 + firings * plan.bundle_s / workers)
    return Work(
        firings,
        firings * slots.rows,
        firings * touched,
        outboxes * requests(firings * touched / outboxes, plan),
        firings * us,
        firings * slots.rows * row_us,
        firings * written,
        slots.files * waiting / 2,
        (us + (slots.most_rows - slots.rows) * row_us) / 1e6,
    )


def _hit(messages: float, devices: float) -> float:
    """Devices of which any of some messages is, if each is anybody's."""
    if devices <= 0:
        return messages
    return devices * -math.expm1(-messages / devices)


def values_per_reading(fleet: Fleet) -> float:
    """Rows of the observation table for each of the measurement table."""
    of_hours = fleet.hourly_share / _period_readings(fleet)
    return (1 - fleet.hourly_share) + of_hours * fleet.readings_per_message


def _sink_us(touched: float, lines: float, plan: Plan, costs: Costs) -> float:
    if plan.to_files:
        return costs.fhir_files.us(touched, lines)
    return costs.fhir_server.us(touched * (2 if plan.merge else 1), 0)


def requests(entries: float, plan: Plan) -> float:
    """Requests to the FHIR server for Observations that are sent together."""
    if plan.to_files:
        return 0.0
    once = min(1.0, entries)
    if entries > plan.bundle / 2:
        once = entries / plan.bundle + 0.5  # the last Bundle is half full
    return once * (2 if plan.merge else 1)


def shell_reads(fleet: Fleet, workers: int, per_s: float) -> float:
    """Patients and Devices that are looked for on the server, each second.

    A worker remembers them for some minutes, if they are not too many.
    """
    if not per_s:
        return 0.0
    gap_s = fleet.active_hours * HOUR_S / fleet.messages_per_device
    sending = min(fleet.devices, per_s * max(gap_s, SHELL_S))
    patients = sending / fleet.devices_per_patient
    patient_gap_s = gap_s / fleet.devices_per_patient
    reads = sending / max(SHELL_S, gap_s) + patients / max(SHELL_S, patient_gap_s)
    live = sending * min(1.0, SHELL_S / gap_s) + patients
    forgotten = max(0.0, 1 - workers * SHELLS / live)
    return min(2 * per_s, reads + forgotten * 2 * per_s)


def map_us(costs: Costs, runner: Runner) -> float:
    """Python CPU of a message on its way to its slot."""
    return costs.normalize_us + costs.group_us + runner.python_us


def skew(slots: int, files: float) -> float:
    """Work of the busiest slot over the mean, as files fall on slots by a hash.

    The largest of several equal sums of random things, as their number grows.
    """
    if slots < 2:
        return 1.0
    return 1 + math.sqrt(2 * math.log(slots) * slots / files)


def all_work(
    some: Sequence[Slots], fleet: Fleet, plan: Plan, costs: Costs, workers: int = 1
) -> Work:
    """Of several kinds of slots."""
    total = Work(*(0.0,) * len(Work._fields))
    for slots in some:
        if slots.files and slots.messages_per_s:
            total = total.plus(work(slots, fleet, plan, costs, workers))
    return total
