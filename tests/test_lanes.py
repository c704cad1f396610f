"""How readings of unbounded input travel to their slots: early, on time, late, beside.

The clock of these tests is that of the stream: TestStream says what time it is. The
runner of these tests stalls on late panes that wait for a clock: what comes after the
end of a slot, but not long after, is tried on a real one (`integration/test_prism.py`).
"""

import itertools
import json

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import GlobalWindows, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import PaneInfoTiming
from walks import HEART_RATE, PULSES, fhir_template

from transforms import batch_coder  # noqa: F401 - as the main job does
from transforms.fhir_mapping import FhirMapping
from transforms.group import GroupByShardAndSlot, Limits, shard_of
from transforms.instants import DAY, HOUR
from transforms.lanes import LATENESS_DAYS, Live
from transforms.model import CORRELATED, IdentifiedBatch, Identity, Measurement

EIGHT = 1_772_352_000_000_000  # 2026-03-01T08:00:00Z
MIDNIGHT = EIGHT - 8 * HOUR
SHARD = shard_of("p", 4)

MAPPING = FhirMapping.from_json(
    json.dumps(
        {
            "templateType": "CollectionFhir",
            "template": [
                fhir_template("heartrate", 0, HEART_RATE),
                fhir_template("walk", -1, PULSES),
                fhir_template("day", 1440, PULSES),
            ],
        }
    )
)


def batch(value, at=EIGHT, **changes):
    """One reading, which reached the broker as it occurred unless it says otherwise."""
    fields = {
        "type": "heartrate",
        "occurred_at": at,
        "ended_at": None,
        "utc_offset_minutes": 0,
        "ingested_at": at,
        "device": "d",
        "patient": "p",
        "encounter": None,
        "correlation": None,
        "values": (("hr", value),),
        "source": "m:1",
    }
    measurement = Measurement(**{**fields, **changes})
    return IdentifiedBatch([measurement], [Identity("p", "d", None)])


def pulse(value, at=EIGHT, **changes):
    return batch(value, at, **{"values": (("pulse", value),), **changes})


class Stream:
    """Readings as they reach the source, and the two clocks."""

    def __init__(self):
        self._stream = TestStream().advance_watermark_to(Timestamp(micros=MIDNIGHT))

    def arrives(self, element, at=EIGHT):
        value = TimestampedValue(element, Timestamp(micros=at))
        self._stream.add_elements([value])
        return self

    def waits(self, seconds):
        self._stream.advance_processing_time(seconds)
        return self

    def watermark(self, at):
        self._stream.advance_watermark_to(Timestamp(micros=at))
        return self

    def ends(self):
        return self._stream.advance_watermark_to_infinity()


class _Pane(beam.DoFn):
    def __init__(self, lane):
        self._lane = lane

    def process(self, element, pane=beam.DoFn.PaneInfoParam):
        (shard, *slot), batches = element
        assert shard == SHARD
        texts = [
            text
            for readings in batches
            for text in readings.readings.column("value_text").to_pylist()
        ]
        timing = PaneInfoTiming.to_string(pane.timing)
        yield self._lane, tuple(slot), timing, sorted(texts)


def panes(stream, now=EIGHT, limits=Limits()):  # noqa: B008 - a constant
    """Adds the chain to a stream; what each lane hands on."""
    grouped = stream | GroupByShardAndSlot(
        MAPPING, 4, "v", Live(30, lambda: now / 1e6), limits
    )
    seen = tuple(
        readings
        | f"See{name}" >> beam.ParDo(_Pane(name))
        | f"OutOf{name}" >> beam.WindowInto(GlobalWindows())
        for name, readings in grouped.lanes.items()
    )
    return seen | "All" >> beam.Flatten(), grouped.dead_letters


def filled(panes):
    """Those that hold readings: runners add empty ones as they like."""
    return panes | "Filled" >> beam.Filter(lambda pane: pane[3])


@pytest.fixture
def root():
    options = PipelineOptions(streaming=True, allow_unsafe_triggers=True)
    with TestPipeline("BundleBasedDirectRunner", options, []) as pipeline:
        yield pipeline


EIGHT_OCLOCK = (EIGHT, 60)


def test_an_hour_is_handed_on_every_so_often_and_at_its_end(root):
    stream = (
        Stream()
        .arrives(batch("1"))
        .arrives(batch("2"))
        .waits(31)
        .arrives(batch("3"))
        .watermark(EIGHT + HOUR)
        .ends()
    )
    seen, _ = panes(root | stream)
    expected = [
        ("Hours", EIGHT_OCLOCK, "EARLY", ["1", "2"]),
        ("Hours", EIGHT_OCLOCK, "ON_TIME", ["3"]),
    ]
    assert_that(filled(seen), equal_to(expected))


def test_a_day_is_a_slot_of_its_own(root):
    stream = (
        Stream()
        .arrives(pulse("1", type="day"))
        .watermark(EIGHT + HOUR)
        .arrives(pulse("2", at=EIGHT + 2 * HOUR, type="day"))
        .watermark(MIDNIGHT + DAY)
        .ends()
    )
    seen, _ = panes(root | stream)
    day = (MIDNIGHT, 1440)
    assert_that(seen, equal_to([("Days", day, "ON_TIME", ["1", "2"])]))


def test_the_end_of_a_slot_is_told_even_if_nothing_is_left_to_hand_on(root):
    stream = Stream().arrives(batch("1")).waits(31).watermark(EIGHT + HOUR).ends()
    seen, _ = panes(root | stream)
    expected = [
        ("Hours", EIGHT_OCLOCK, "EARLY", ["1"]),
        ("Hours", EIGHT_OCLOCK, "ON_TIME", []),
    ]
    assert_that(seen, equal_to(expected))


def test_sessions_travel_beside_the_slots_and_are_never_late(root):
    stream = (
        Stream()
        .arrives(pulse("1", type="walk", correlation="s"))
        .waits(31)
        .watermark(EIGHT + 400 * DAY)
        .arrives(pulse("2", type="walk", correlation="s"))
        .waits(31)
        .ends()
    )
    seen, _ = panes(root | stream)
    texts = filled(seen) | beam.Map(lambda pane: (pane[0], pane[1], pane[3]))
    beside = ("Beside", tuple(CORRELATED))
    assert_that(texts, equal_to([(*beside, ["1"]), (*beside, ["2"])]))


@pytest.mark.parametrize("days", [1, 5, LATENESS_DAYS + 1, 360, 4_000])
def test_readings_of_any_age_are_handed_on(root, days):
    now = EIGHT + days * DAY
    stream = Stream().watermark(now).arrives(batch("1"), at=now).waits(31).ends()
    seen, _ = panes(root | stream, now)
    assert_that(filled(seen) | beam.Map(lambda pane: pane[3]), equal_to([["1"]]))


def test_a_runner_would_drop_what_is_older_than_it_waits(root):
    """Why there is a lane beside the slots: with a clock that stands still it is lost.

    Should a runner drop nothing one day, that lane may go.
    """
    now = EIGHT + (LATENESS_DAYS + 1) * DAY
    stream = Stream().watermark(now).arrives(batch("1"), at=now).waits(31).ends()
    seen, _ = panes(root | stream, now=EIGHT)
    assert_that(seen, equal_to([]))


DAYS_OLD, AHEAD = Limits(older=365 * DAY), Limits(ahead=24 * HOUR)


@pytest.mark.parametrize(
    ("limits", "ingested_at", "found"),
    [
        (Limits(), EIGHT + 4_000 * DAY, []),
        (DAYS_OLD, EIGHT + 365 * DAY, []),
        (DAYS_OLD, EIGHT + 365 * DAY + 1, ["ImplausibleTimestamp"]),
        (DAYS_OLD, EIGHT - 4_000 * DAY, []),
        (DAYS_OLD, None, []),
        (AHEAD, EIGHT - 24 * HOUR, []),
        (AHEAD, EIGHT - 24 * HOUR - 1, ["ImplausibleTimestamp"]),
        (AHEAD, EIGHT + 4_000 * DAY, []),
    ],
)
def test_times_that_cannot_be_are_letters(root, limits, ingested_at, found):
    element = batch("1", ingested_at=ingested_at)
    stream = Stream().arrives(element).waits(31).ends()
    seen, letters = panes(root | stream, limits=limits)
    errors = letters | beam.FlatMap(lambda batch: [ltr.error for ltr in batch.letters])
    assert_that(errors, equal_to(found), "letters")
    readings = seen | beam.FlatMap(lambda pane: pane[3])
    assert_that(readings, equal_to(["1"] * (not found)), "readings")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_no_order_of_arrival_loses_or_doubles_anything(root, order):
    arrivals = [batch("1"), batch("2", at=EIGHT - 2 * HOUR), pulse("3", type="day")]
    stream = Stream()
    for number in order:
        stream.arrives(arrivals[number]).waits(11)
    seen, _ = panes(root | stream.watermark(EIGHT + 2 * DAY).ends())
    assert_that(seen | beam.FlatMap(lambda pane: pane[3]), equal_to(["1", "2", "3"]))
