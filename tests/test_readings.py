"""The laws of the upsert: order, batches, repeats and lateness never matter."""

import collections
import datetime
import itertools
import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.readings import (
    KEY,
    ReadingColumns,
    ReadingKind,
    groups_of,
    to_record_batch,
    to_table,
    upsert,
)
from transforms.schema import MEASUREMENT

HEART = ReadingKind("heartrate", "hr", "http://loinc.org", "8867-4", "HR", "/min")
SYSTOLIC = ReadingKind("bp", "systolic", "http://loinc.org", "8480-6", None, "mm[Hg]")
EVENT = ReadingKind("event", None, None, None, None, None)
KINDS = (HEART, SYSTOLIC, EVENT)

Row = collections.namedtuple("Row", ReadingColumns._fields)

EMPTY = MEASUREMENT.empty_table()


def row(**changes):
    fields = {
        "kind": 0,
        "observation_id": "o1",
        "patient_id": "p1",
        "patient_identifier": "patient-1",
        "device_id": "d1",
        "device_identifier": "watch-1",
        "encounter_id": None,
        "correlation_id": None,
        "record_id": None,
        "occurred_at": 1_000_000,
        "occurred_tick": 0,
        "ended_at": None,
        "utc_offset_minutes": 0,
        "value": 72.0,
        "value_text": "72",
        "flag": None,
        "ingested_at": 2_000_000,
        "source": "a:1",
    }
    return Row(**{**fields, **changes})


def batch_of(*rows):
    return to_record_batch(ReadingColumns(*zip(*rows, strict=True)), KINDS, "v1")


def table(*rows):
    return to_table([batch_of(*rows)]) if rows else EMPTY


def facts(found):
    """What a test of versions looks at: value, ingestion and source of each row."""
    columns = [found[name].cast("string") for name in ("value_text", "source")]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


@pytest.mark.parametrize(
    ("versions", "winner"),
    [
        pytest.param(
            [row(value_text="72"), row(value_text="75", ingested_at=3_000_000)],
            "75",
            id="the version ingested later",
        ),
        pytest.param(
            [row(value_text="9"), row(value_text="75")],
            "9",
            id="at equal ingestion the greater text, not the greater number",
        ),
        pytest.param(
            [row(value_text="72", ingested_at=None), row(value_text="60")],
            "60",
            id="where ingestion is unknown the time of the reading stands in",
        ),
        pytest.param(
            [row(value_text=None, value=None), row(value_text="60")],
            "60",
            id="a value before none",
        ),
    ],
)
def test_one_version_of_a_reading_wins_in_either_order(versions, winner):
    for first, second in (versions, reversed(versions)):
        stored = upsert(EMPTY, table(first)).table
        assert upsert(stored, table(second)).table["value_text"].to_pylist() == [winner]
        assert upsert(EMPTY, table(first, second)).table["value_text"].to_pylist() == [
            winner
        ]


@pytest.mark.parametrize(
    "difference",
    [
        {"patient_id": "p2"},
        {"device_id": "d2"},
        {"encounter_id": "e1"},
        {"correlation_id": "c1"},
        {"kind": 1},
        {"occurred_at": 1_000_001},
        {"occurred_tick": 1},
    ],
)
def test_readings_of_different_keys_stand_beside_each_other(difference):
    both = upsert(EMPTY, table(row(), row(**difference)))
    assert (both.table.num_rows, both.new, both.replaced, both.repeated) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    "difference",
    [
        {"record_id": "r1"},
        {"ended_at": 4_000_000},
        {"flag": "<"},
        {"utc_offset_minutes": None},
        {"source": "b:1"},
    ],
)
def test_what_is_no_part_of_the_key_is_a_version_of_one_reading(difference):
    for versions in ([row(), row(**difference)], [row(**difference), row()]):
        both = upsert(EMPTY, table(*versions))
        assert (both.table.num_rows, both.new, both.repeated) == (1, 1, 1)
        # At equal ingestion and text: what says more, or the greater.
        assert both.table == table(
            row() if "utc_offset_minutes" in difference else row(**difference)
        )


def test_counts_say_what_became_of_each_incoming_reading():
    stored = upsert(EMPTY, table(row(), row(occurred_at=5))).table
    incoming = table(
        row(),  # there already
        row(occurred_at=5, value_text="80", ingested_at=9_000_000),  # a correction
        row(occurred_at=6),  # new
        row(occurred_at=6),  # new, twice
        row(occurred_at=5, value_text="99", ingested_at=1),  # older than what is there
    )
    done = upsert(stored, incoming)
    assert (done.new, done.replaced, done.repeated) == (1, 1, 3)
    assert facts(done.table) == [("80", "a:1"), ("72", "a:1"), ("72", "a:1")]


def test_touched_are_whole_observations_changed_or_not():
    stored = upsert(
        EMPTY,
        table(
            row(observation_id="o1", occurred_at=1),
            row(observation_id="o1", occurred_at=9),
            row(observation_id="o2", occurred_at=5),
        ),
    ).table
    done = upsert(stored, table(row(observation_id="o1", occurred_at=9)))
    assert done.touched["observation_id"].to_pylist() == ["o1", "o1"]
    assert done.touched["occurred_at"].cast("int64").to_pylist() == [1, 9]
    assert done.starts == (0,)


def test_groups_stand_one_after_the_other_by_time_within():
    done = upsert(
        EMPTY,
        table(
            row(observation_id="a", device_id="d1", occurred_at=3),
            row(observation_id="b", device_id="d2", occurred_at=2),
            row(observation_id="a", device_id="d1", occurred_at=1),
            row(observation_id="b", device_id="d2", occurred_at=4),
        ),
    )
    assert done.starts == (0, 2)
    assert done.touched["observation_id"].to_pylist() == ["a", "a", "b", "b"]
    assert done.touched["occurred_at"].cast("int64").to_pylist() == [1, 3, 2, 4]


def test_nothing_incoming_touches_nothing():
    stored = upsert(EMPTY, table(row())).table
    done = upsert(stored, EMPTY)
    assert done.table == stored
    assert (done.touched.num_rows, done.starts) == (0, ())


def test_local_date_is_the_date_on_the_senders_calendar():
    late_evening = row(occurred_at=86_400_000_000 - 1, utc_offset_minutes=60)
    found = table(late_evening, row(occurred_at=0, utc_offset_minutes=-1))
    assert [str(day) for day in found["local_date"].to_pylist()] == [
        "1970-01-02",
        "1969-12-31",
    ]


def test_the_local_date_of_a_civil_date_is_that_date():
    dates = (86_400_000_000, -86_400_000_000)
    found = table(*(row(occurred_at=at, utc_offset_minutes=None) for at in dates))
    days = [str(day) for day in found["local_date"].to_pylist()]
    assert days == ["1970-01-02", "1969-12-31"]


def test_a_row_stands_in_the_table_with_all_it_knows():
    full = row(
        encounter_id="e1",
        correlation_id="c1",
        record_id="r1",
        occurred_at=86_400_000_000,
        occurred_tick=7,
        ended_at=86_400_000_001,
        utc_offset_minutes=-60,
        flag="<=",
    )
    (found,) = table(full).to_pylist()
    start = datetime.datetime(1970, 1, 2, tzinfo=datetime.timezone.utc)
    assert found == {
        "observation_id": "o1",
        "patient_id": "p1",
        "patient_identifier": "patient-1",
        "device_id": "d1",
        "device_identifier": "watch-1",
        "encounter_id": "e1",
        "correlation_id": "c1",
        "record_id": "r1",
        "type": "heartrate",
        "value_name": "hr",
        "code_system": "http://loinc.org",
        "code": "8867-4",
        "code_display": "HR",
        "occurred_at": start,
        "occurred_tick": 7,
        "ended_at": start + datetime.timedelta(microseconds=1),
        "utc_offset_minutes": -60,
        "local_date": datetime.date(1970, 1, 1),
        "value": 72.0,
        "value_text": "72",
        "unit": "/min",
        "flag": "<=",
        "ingested_at": datetime.datetime(
            1970, 1, 1, 0, 0, 2, tzinfo=datetime.timezone.utc
        ),
        "source": "a:1",
        "mapping_version": "v1",
    }


def test_groups_are_gathered_from_several_tables():
    one = table(
        row(observation_id="a", occurred_at=1),
        row(observation_id="b", occurred_at=2),
        row(observation_id="c", occurred_at=3),
    )
    other = table(
        row(observation_id="b", occurred_at=9),
        row(observation_id="a", occurred_at=8, occurred_tick=1),
        row(observation_id="a", occurred_at=8),
    )
    for tables in ([one, other], [other, one]):
        found, starts = groups_of(tables, pa.array(["b", "a"]))
        assert starts == (0, 3)
        assert found["observation_id"].to_pylist() == [*"aaabb"]
        assert found["occurred_at"].cast("int64").to_pylist() == [1, 8, 8, 2, 9]
        assert found["occurred_tick"].to_pylist() == [0, 0, 1, 0, 0]


names = st.sampled_from(["p1", "p2"])
rows = st.builds(
    row,
    kind=st.integers(0, 2),
    observation_id=st.just("o"),
    patient_id=names,
    device_id=st.sampled_from(["d1", "d2"]),
    encounter_id=st.sampled_from([None, "e1"]),
    correlation_id=st.sampled_from([None, "c1"]),
    occurred_at=st.sampled_from([1, 2, 3]),
    record_id=st.sampled_from([None, "r1"]),
    occurred_tick=st.sampled_from([0, 1]),
    ended_at=st.sampled_from([None, 9]),
    utc_offset_minutes=st.sampled_from([0, 60, None]),
    flag=st.sampled_from([None, "<"]),
    value=st.none(),
    value_text=st.sampled_from([None, "72", "8"]),
    ingested_at=st.sampled_from([None, 2, 4]),
    source=st.sampled_from(["a:1", "a:2"]),
)
some = st.lists(rows, max_size=8).map(lambda found: table(*found))


def plain(found):
    """Rows of a table as dictionaries; instants as integers."""
    columns = [
        column.cast("int64") if pa.types.is_timestamp(column.type) else column
        for column in found.columns
    ]
    return pa.table(columns, names=found.column_names).to_pylist()


def key(fields):
    """Sorts as the rows of a file: nulls last."""
    return tuple((fields[name] is None, fields[name]) for name in KEY)


def rank(fields):
    """Greatest for the version that wins: nulls least."""
    ingested_at = fields["ingested_at"]
    if ingested_at is None:
        ingested_at = fields["occurred_at"]
    rest = [name for name in MEASUREMENT.names if name not in (*KEY, "value_text")]
    named = [ingested_at, fields["value_text"], *(fields[name] for name in rest)]
    return tuple((field is not None, field) for field in named)


def reference(stored, incoming):
    """The rule of the upsert, reading by reading."""
    known = {key(fields): fields for fields in stored}
    winners = dict(known)
    for fields in incoming:
        winner = winners.setdefault(key(fields), fields)
        if rank(fields) > rank(winner):
            winners[key(fields)] = fields
    rows = [winners[each] for each in sorted(winners)]
    groups = {}
    for fields in rows:
        groups.setdefault(fields["observation_id"], []).append(fields)
    arrived = {fields["observation_id"] for fields in incoming}
    touched = [groups[each] for each in groups if each in arrived]
    news = [each for each in winners if each not in known]
    others = [each for each in known if winners[each] is not known[each]]
    changed = {winners[each]["observation_id"] for each in (*news, *others)}
    return rows, touched, len(news), len(others), changed


KEY_TEXTS = ("patient_id", "type", "device_id", "value_name")
texts = st.sampled_from([None, "", "a", "\uffff", "\U0001d11e"])


@st.composite
def anything(draw):
    """Readings that lack, or share, what they never lack, or share, in fact."""
    found = draw(st.lists(rows, max_size=8))
    ids = st.sampled_from(["z", "y", "x"])
    drawn = table(*(each._replace(observation_id=draw(ids)) for each in found))
    for name in draw(st.sets(st.sampled_from(KEY_TEXTS))):
        cells = draw(st.lists(texts, min_size=len(found), max_size=len(found)))
        at = MEASUREMENT.get_field_index(name)
        column = pa.array(cells, pa.string())
        drawn = drawn.set_column(at, MEASUREMENT.field(at), column)
    return drawn


@given(anything(), anything())
def test_upsert_does_what_its_rule_says(before, incoming):
    stored = upsert(EMPTY, before).table
    for known, arriving in ((EMPTY, before), (stored, incoming), (stored, stored)):
        done = upsert(known, arriving)
        rows, touched, new, replaced, changed = reference(plain(known), plain(arriving))
        assert plain(done.table) == rows
        assert plain(done.touched) == [*itertools.chain(*touched)]
        assert list(done.starts) == [
            sum(map(len, touched[:number])) for number in range(len(touched))
        ]
        assert (done.new, done.replaced) == (new, replaced)
        assert done.repeated == arriving.num_rows - new - replaced
        assert len(done.changed) == len(changed)
        assert set(done.changed.to_pylist()) == changed
        assert done.table.schema.equals(MEASUREMENT, check_metadata=True)


@given(some, some)
def test_upsert_is_commutative(left, right):
    one = upsert(upsert(EMPTY, left).table, right).table
    other = upsert(upsert(EMPTY, right).table, left).table
    assert one == other


@given(some, some, some)
def test_upsert_is_associative(first, second, third):
    stepwise = upsert(upsert(upsert(EMPTY, first).table, second).table, third).table
    merged = upsert(upsert(EMPTY, second).table, third).table
    assert upsert(upsert(EMPTY, first).table, merged).table == stepwise


@given(some)
def test_upsert_is_idempotent(readings):
    once = upsert(EMPTY, readings)
    twice = upsert(once.table, readings)
    assert twice.table == once.table
    assert (twice.new, twice.replaced) == (0, 0)


@given(st.lists(rows, max_size=12), st.randoms(use_true_random=False))
def test_batches_and_order_do_not_matter(found, shuffle: random.Random):
    whole = upsert(EMPTY, table(*found)).table
    shuffled = found * 2
    shuffle.shuffle(shuffled)
    stored = EMPTY
    while shuffled:
        size = shuffle.randint(1, len(shuffled))
        batch, shuffled = shuffled[:size], shuffled[size:]
        stored = upsert(stored, table(*batch)).table
    assert stored == whole


@given(some, some)
def test_every_incoming_reading_is_accounted_for(stored, incoming):
    before = upsert(EMPTY, stored).table
    done = upsert(before, incoming)
    assert done.new + done.replaced + done.repeated == incoming.num_rows
    assert done.table.num_rows == before.num_rows + done.new


@given(some)
def test_each_key_stands_once_and_in_order(readings):
    keys = upsert(EMPTY, readings).table.select(KEY)
    assert keys.group_by(list(KEY)).aggregate([]).num_rows == keys.num_rows
    assert keys == keys.sort_by([(name, "ascending") for name in KEY])


def test_batches_travel_dictionary_encoded_and_arrive_plain():
    batch = batch_of(row(), row(kind=1))
    assert pa.types.is_dictionary(batch.schema.field("type").type)
    assert to_table([batch]).schema == MEASUREMENT
    assert to_table([batch])["type"].to_pylist() == ["heartrate", "bp"]
