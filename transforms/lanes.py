"""How readings travel to the slot they belong to: whole, live or direct.

Whole is for input that ends, and for a stream that is worked off piece by piece. Live
and direct are for runners that read a stream by themselves: live where they keep what
is under way when a worker dies, direct where they do not.

A slot is an event-time window. Runners understand Beam's own windows only (a window
function of ours stops at the portable Flink runner: "Unknown or unsupported WindowFn"),
so hours and days are fixed windows, in a lane each. Each lane hands on what it has
every so many seconds of the clock, before the watermark passes the slot (early), once
as it does (on time, if only to say so) and after that (late). Panes are discarded once
fired: the store brings together what they hold.

What has no hour (sessions that a correlation id ties together) or lies far back travels
beside the slots, in the global window, where nothing is ever late: a window that has
expired would drop its readings without a word, and keeping every window of a year would
cost state for each. The clock decides between the lanes, never what comes of a reading.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms import window
from apache_beam.transforms.trigger import (
    AccumulationMode,
    AfterProcessingTime,
    AfterWatermark,
    Repeatedly,
)
from apache_beam.utils.timestamp import Timestamp

from transforms.model import CORRELATED, SlotReadings

SlotKey = tuple[int, int, int]
"""What readings are grouped by: shard, start and minutes of the slot. A plain tuple, as
its coder must be the same on every worker."""

ByLane = dict[str, PCollection[tuple[SlotKey, Iterable[SlotReadings]]]]
"""Readings by slot and shard, by the name of their lane."""

_Keyed = tuple[SlotKey, SlotReadings]

LATENESS_DAYS = 7
"""Days for which a runner keeps the window of a slot after its end."""

_FAR_BACK_S = LATENESS_DAYS * 86_400 / 2
"""Seconds after its end from which a slot's readings travel beside it: half of what a
runner waits, so that neither clocks that disagree nor a day's standstill matter."""


def _keyed(readings: SlotReadings) -> _Keyed:
    return (readings.shard, *readings.slot), readings


@dataclasses.dataclass(frozen=True)
class Whole:
    """All readings of a slot at once: for input that ends, or a piece of a stream.

    Args:
        watermark: of the stream, in microseconds: what ends later is still open; None
            if the input is all there is.
    """

    watermark: int | None = None

    def group(self, readings: PCollection[SlotReadings]) -> ByLane:
        """Wires the lane."""
        grouped = (
            readings
            | "BySlot" >> beam.Map(_keyed).with_output_types(_Keyed)
            | "ByShard" >> beam.GroupByKey()
        )
        return {"": grouped}


def _alone(readings: SlotReadings) -> tuple[SlotKey, list[SlotReadings]]:
    key, batch = _keyed(readings)
    return key, [batch]


@dataclasses.dataclass(frozen=True)
class Direct:
    """Each batch of readings as it is, in the bundle that read it.

    For runners that forget what is under way when they die: a source commits its
    position after the bundle, and so after the store.
    """

    def group(self, readings: PCollection[SlotReadings]) -> ByLane:
        """Wires the lane."""
        return {
            "": readings
            | "BySlot"
            >> beam.Map(_alone).with_output_types(
                tuple[SlotKey, Iterable[SlotReadings]]
            )
        }


class _ToLanes(beam.DoFn):
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def process(self, readings: SlotReadings) -> Iterator[Any]:
        slot = readings.slot
        end_s = slot.start / 1_000_000 + slot.minutes * 60
        if slot == CORRELATED or end_s + _FAR_BACK_S < self._clock():
            yield TaggedOutput("Beside", readings)
            return
        lane = "Hours" if slot.minutes == 60 else "Days"
        at = Timestamp(micros=slot.start)
        yield TaggedOutput(lane, window.TimestampedValue(readings, at))


def _beside(readings: SlotReadings) -> _Keyed:
    # One key a shard: what a runner notes of a key in the global window stays there.
    return (readings.shard, *CORRELATED), readings


@dataclasses.dataclass(frozen=True)
class Live:
    """Readings of unbounded input, handed on every so often, however late.

    Args:
        flush_seconds: how often; Beam's triggers count whole seconds.
        clock: seconds since 1970, as `time.time`.
    """

    flush_seconds: int
    clock: Callable[[], float]

    def group(self, readings: PCollection[SlotReadings]) -> ByLane:
        """Wires the lanes."""
        split = readings | "ToLanes" >> beam.ParDo(_ToLanes(self.clock)).with_outputs(
            "Hours", "Days", "Beside"
        )
        windows = {
            "Hours": self._slots(3_600),
            "Days": self._slots(86_400),
            "Beside": beam.WindowInto(
                window.GlobalWindows(),
                trigger=Repeatedly(AfterProcessingTime(self.flush_seconds)),
                accumulation_mode=AccumulationMode.DISCARDING,
            ),
        }
        return {
            name: split[name]
            | f"{name}BySlot"
            >> beam.Map(_beside if name == "Beside" else _keyed).with_output_types(
                _Keyed
            )
            | f"{name}Windows" >> into
            | f"{name}ByShard" >> beam.GroupByKey()
            for name, into in windows.items()
        }

    def _slots(self, seconds: int) -> beam.WindowInto:
        flush = AfterProcessingTime(self.flush_seconds)
        return beam.WindowInto(
            window.FixedWindows(seconds),
            trigger=AfterWatermark(early=flush, late=flush),
            accumulation_mode=AccumulationMode.DISCARDING,
            allowed_lateness=LATENESS_DAYS * 86_400,
        )


Lanes = Whole | Live | Direct


class Travel(Protocol):
    """How readings travel from where they are collected."""

    def group(self, readings: PCollection[SlotReadings]) -> ByLane:
        """Wires the lanes; none if they end here."""


WHOLE = Whole()
