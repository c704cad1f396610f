"""What streams do to slots: open, closed, told, whatever hands readings on."""

import json
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from apache_beam.utils.windowed_value import PaneInfoTiming
from walks import HEART_RATE, PULSES, fhir_template, step

from pipeline.firings import Always, ByPane, ByWatermark
from pipeline.settle import settle, slots_to_close
from pipeline.slot_files import slot_file, slot_in, state_in
from pipeline.store import store
from pipeline.upsert_files import Folder
from transforms import schema
from transforms.fhir_mapping import FhirMapping
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.instants import DAY, HOUR
from transforms.model import CORRELATED, Slot
from transforms.observe import Observer
from transforms.readings import to_table
from transforms.slot_state import Firing, Phase, SlotState

EIGHT = 1_772_352_000_000_000  # 2026-03-01T08:00:00Z
EARLY, ON_TIME, LATE, WHOLE = Firing.EARLY, Firing.ON_TIME, Firing.LATE, Firing.WHOLE
PERIODS = frozenset({"hour"})
MAPPING = FhirMapping.from_json(
    json.dumps(
        {
            "templateType": "CollectionFhir",
            "template": [
                fhir_template("Hour", 60, PULSES),
                fhir_template("instant", 0, HEART_RATE),
            ],
        }
    )
)


def hour(text, device="d", minutes=0):
    at = EIGHT + minutes * 60_000_000
    return step(
        at, type="Hour", device=device, correlation=None, values=(("pulse", text),)
    )


def instant(text):
    return step(EIGHT, type="instant", correlation=None, values=(("hr", text),))


class Hour:
    """One slot of a store, and the statuses of all that was ever told of it."""

    slot, shard = Slot(EIGHT, 60), 0

    def __init__(self, root):
        self.folder = Folder(str(root / "measurement"))
        self.told = {}

    @property
    def name(self):
        return slot_file(self.slot, self.shard, ".parquet")

    @property
    def state(self):
        return state_in(self.folder, self.name, self.folder.read(self.name))

    def fire(self, firing, *measurements):
        """Stores readings; the device and status of each group that is handed on."""
        collector = SlotCollector(MAPPING, 1, "v")
        known, _ = identify(list(measurements), MessageIdentities(), "v")
        assert not collector.add(known)
        batches = [drained.readings for drained in collector.drain()]
        incoming = to_table(batches) if batches else schema.MEASUREMENT.empty_table()
        stored = store(self.folder, self.slot, self.shard, incoming, firing, PERIODS)
        if not stored.groups.starts:
            return []
        (batch,), _ = Observer(MAPPING, "v", "").observe(stored.groups)
        resources = [json.loads(resource) for resource in batch.resources]
        assert [r["status"] for r in resources] == list(
            dict(
                zip(
                    batch.rows["observation_id"].to_pylist(),
                    batch.rows["status"].to_pylist(),
                    strict=True,
                )
            ).values()
        )
        devices = stored.groups.readings["device_identifier"].to_pylist()
        types = stored.groups.readings["type"].to_pylist()
        return sorted(
            (types[start], devices[start], resource["status"])
            for start, resource in zip(stored.groups.starts, resources, strict=True)
        )


@pytest.fixture
def eight(tmp_path):
    return Hour(tmp_path)


def test_a_period_is_preliminary_until_its_slot_is_closed(eight):
    assert eight.fire(EARLY, hour("1"), instant("5")) == [
        ("Hour", "d", "preliminary"),
        ("instant", "d", "final"),
    ]
    assert eight.fire(EARLY, hour("2", "e")) == [("Hour", "e", "preliminary")]
    told = [("Hour", "d", "final"), ("Hour", "e", "final")]
    assert eight.fire(ON_TIME) == told
    assert eight.fire(ON_TIME) == told, "a firing that is repeated tells all again"
    assert eight.state == SlotState()


def test_what_comes_after_the_end_is_amended_if_it_changes_anything(eight):
    eight.fire(EARLY, hour("1"))
    eight.fire(ON_TIME, hour("1", "e"))
    assert eight.fire(LATE, hour("1")) == [("Hour", "d", "final")]
    assert eight.fire(LATE, hour("2", minutes=10)) == [("Hour", "d", "amended")]
    assert eight.fire(LATE, hour("1", "f")) == [("Hour", "f", "final")]
    assert eight.fire(LATE, hour("1")) == [("Hour", "d", "amended")]
    assert eight.fire(EARLY, hour("3", "e", 20)) == [("Hour", "e", "amended")]


def test_a_bounded_run_closes_what_a_stream_left_open(eight):
    eight.fire(EARLY, hour("1"), hour("1", "e"))
    told = [("Hour", "d", "final"), ("Hour", "e", "final")]
    assert eight.fire(WHOLE, hour("1", "e")) == told
    assert eight.fire(WHOLE, hour("1", "e")) == told, "after a crash in between"
    settle(eight.folder, (0, EIGHT, 60))
    assert eight.fire(WHOLE, hour("1", "e")) == [("Hour", "e", "final")]


def test_a_bounded_run_writes_what_it_always_wrote(eight):
    eight.fire(WHOLE, hour("1"))
    eight.fire(WHOLE, hour("2", minutes=10))
    metadata = pq.read_metadata(f"{eight.folder.local}/{eight.name}").metadata
    assert b"vitalbeam.slot" not in metadata


def test_the_end_of_a_slot_of_which_nothing_is_stored_writes_nothing(eight):
    assert eight.fire(ON_TIME) == []
    assert eight.folder.read(eight.name) is None


@pytest.mark.parametrize(
    ("firings", "phase"),
    [
        ([EARLY], Phase.OPEN),
        ([EARLY, LATE], Phase.CLOSING),
        ([EARLY, LATE, ON_TIME], Phase.CLOSED),
        ([LATE], Phase.CLOSED),
    ],
)
def test_slots_are_closed_by_whoever_looks_if_no_runner_did(eight, firings, phase):
    for firing in firings:
        eight.fire(firing, hour("1"))
    assert eight.state.phase is phase
    found = [] if phase is Phase.CLOSED else [(0, EIGHT, 60)]
    assert slots_to_close(eight.folder, EIGHT + HOUR - 1) == []
    assert slots_to_close(eight.folder, EIGHT + HOUR) == found
    assert slots_to_close(eight.folder, EIGHT + HOUR, since=EIGHT + HOUR - DAY) == found
    assert slots_to_close(eight.folder, EIGHT + 3 * DAY, since=EIGHT + 2 * DAY) == []
    for key in found:
        assert eight.fire(LATE) == [("Hour", "d", "final")]
        settle(eight.folder, key)
    assert slots_to_close(eight.folder, EIGHT + HOUR) == []
    assert eight.state == SlotState()


def test_settling_keeps_what_was_amended(eight):
    eight.fire(EARLY, hour("1"))
    eight.fire(LATE)
    assert eight.fire(LATE, hour("2", minutes=10)) == [("Hour", "d", "amended")]
    before = eight.state
    settle(eight.folder, (0, EIGHT, 60))
    assert eight.state == SlotState(amended=before.amended)
    settle(eight.folder, (1, EIGHT, 60))
    assert eight.folder.read(slot_file(eight.slot, 1, ".parquet")) is None


def test_a_note_that_cannot_be_read_names_the_file(eight):
    eight.folder.update(eight.name, lambda _: b"nothing")
    with pytest.raises(OSError, match=r"T08-000\.parquet is damaged"):
        slots_to_close(eight.folder, EIGHT + HOUR)


@pytest.mark.parametrize(
    ("slot", "shard"), [(Slot(EIGHT, 60), 3), (Slot(EIGHT - 8 * HOUR, 1440), 999)]
)
def test_a_file_name_tells_its_slot(slot, shard):
    assert slot_in(slot_file(slot, shard, ".parquet")) == (slot, shard)
    assert slot_in(slot_file(CORRELATED, shard, ".parquet", EIGHT)) is None


@pytest.mark.parametrize(
    ("rule", "slot", "own", "timing", "firing"),
    [
        (Always(WHOLE), Slot(EIGHT, 60), Slot(EIGHT, 60), "LATE", WHOLE),
        (ByPane(), Slot(EIGHT, 60), Slot(EIGHT, 60), "EARLY", EARLY),
        (ByPane(), Slot(EIGHT, 60), Slot(EIGHT, 60), "ON_TIME", ON_TIME),
        (ByPane(), Slot(EIGHT, 60), Slot(EIGHT, 60), "LATE", LATE),
        (ByPane(), Slot(EIGHT, 60), Slot(EIGHT, 60), "UNKNOWN", EARLY),
        (ByPane(), Slot(EIGHT, 60), CORRELATED, "EARLY", LATE),
        (ByPane(), CORRELATED, CORRELATED, "UNKNOWN", EARLY),
        (
            ByWatermark(EIGHT + HOUR - 1),
            Slot(EIGHT, 60),
            Slot(EIGHT, 60),
            "LATE",
            EARLY,
        ),
        (ByWatermark(EIGHT + HOUR), Slot(EIGHT, 60), Slot(EIGHT, 60), "EARLY", LATE),
        (ByWatermark(EIGHT + DAY), CORRELATED, CORRELATED, "EARLY", EARLY),
    ],
)
def test_what_hands_readings_on(rule, slot, own, timing, firing):
    pane = SimpleNamespace(timing=PaneInfoTiming.from_string(timing))
    assert rule.firing(slot, own, pane) is firing
