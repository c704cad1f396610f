"""Sessions that a correlation id ties together, over hours and days.

The same messages leave the same stores, however they come.
"""

import collections
import itertools
import json
import random

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore
from runs import files, letters, resources, run, run_counts, table, write_lines
from walks import (
    DEVICE,
    FHIR,
    MAPPING,
    MIDNIGHT,
    SERVICE,
    Chain,
    enveloped,
    iso,
    sha256,
    step,
)

from pipeline.object_files import ObjectFiles
from pipeline.store import store
from pipeline.upsert_files import Folder
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.instants import DAY, HOUR, MINUTE
from transforms.model import CORRELATED
from transforms.readings import to_table


@pytest.fixture(scope="module")
def mapping(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mapping")
    (folder / "device.json").write_text(json.dumps(DEVICE))
    (folder / "fhir.json").write_text(json.dumps(FHIR))
    return folder


def walks(seed):
    """A day and a half of walks, many of them across a midnight, and their pulses."""
    chance = random.Random(seed)
    messages = []
    for number in range(24):
        start = MIDNIGHT + chance.randrange(-18, 18) * HOUR
        body = {"patient": f"p{number % 5}", "device": f"d{number % 5}"}
        for _ in range(chance.randrange(1, 9)):
            at = start + chance.randrange(0, 30 * HOUR, MINUTE)
            told = {**body, "time": iso(at), "session": f"s{number}"}
            told |= {"pulse": chance.randrange(60, 160), "visit": chance.choice("ab")}
            if chance.random() < 0.3:
                told["note"] = chance.choice(["fine", "slow"])
            messages.append(enveloped(told, at + chance.randrange(1, 90) * MINUTE))
        if number % 3 == 0:
            messages.append(enveloped({**body, "time": iso(start), "hr": 70}, start))
            messages.append(enveloped({**told, "session": " "}, start))
    chance.shuffle(messages)
    return messages


MESSAGES = walks(1)


@pytest.fixture(scope="module")
def whole(mapping, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    messages = write_lines(folder / "messages.ndjson", MESSAGES)
    assert run(messages, folder / "out", mapping=mapping) == 1
    return folder / "out"


def sent():
    """The walks as they were sent: bodies by patient, device and session."""
    found = collections.defaultdict(list)
    for message in MESSAGES:
        body = message["Body"]
        if body.get("session", " ").strip():
            found[body["patient"], body["device"], body["session"]].append(body)
    return found


def test_each_session_is_one_observation_over_all_hours_and_days(whole):
    found = resources(whole)
    expected = {}
    for (patient, device, session), bodies in sent().items():
        identifier = f"{sha256(f'_{patient}')}.{sha256(f'_{device}')}.walk.{session}"
        times = sorted(body["time"] for body in bodies)
        expected[sha256(f"{SERVICE}_{identifier}")] = (
            identifier,
            {
                "start": times[0].replace("000Z", "0000000Z"),
                "end": times[-1].replace("000Z", "0000000Z"),
            },
            len({body["time"] for body in bodies}),
        )
    of_walks = {
        key: (
            resource["identifier"][0]["value"],
            resource["effectivePeriod"],
            sum(text != "E" for text in resource["valueSampledData"]["data"].split()),
        )
        for key, resource in found.items()
        if resource["code"]["text"] == "walk"
    }
    # Two pulses within ten minutes share a cell of the grid.
    assert {key: each[:2] for key, each in of_walks.items()} == {
        key: each[:2] for key, each in expected.items()
    }
    assert all(of_walks[key][2] <= expected[key][2] for key in expected)
    across = sum(
        period["start"][:10] < period["end"][:10] for _, period, _ in of_walks.values()
    )
    assert across > 5
    assert len(found) - len(of_walks) == 8


def test_files_of_sessions_lie_on_the_date_of_their_first_reading(whole):
    for path in (whole / "fhir" / "Observation").rglob("correlated-*.ndjson"):
        for line in path.read_text().splitlines():
            start = json.loads(line)["effectivePeriod"]["start"]
            assert path.parent.name == f"date={start[:10]}"
    for path in (whole / "observation").rglob("correlated-*.parquet"):
        starts = pq.ParquetFile(path).read()["effective_start"].to_pylist()
        assert {path.parent.name} >= {f"date={start:%Y-%m-%d}" for start in starts}
    for path in (whole / "measurement").rglob("correlated-*.parquet"):
        days = pq.ParquetFile(path).read()["occurred_at"].to_pylist()
        assert {path.parent.name} == {f"date={day:%Y-%m-%d}" for day in days}


def test_readings_of_a_session_without_an_id_are_dead_letters(whole):
    found = letters(whole)
    assert {letter["stage"] for letter in found} == {"Normalize"}
    assert len(found) == 8


def assert_same_stores(left, right):
    assert files(left / "fhir") == files(right / "fhir")
    assert files(left / "observation") == files(right / "observation")
    without_source = [
        table(out, "measurement").drop_columns(["source"]) for out in (left, right)
    ]
    assert without_source[0] == without_source[1]


@pytest.mark.parametrize("seed", range(3))
def test_parts_in_any_order_with_repeats_equal_the_whole(
    seed, whole, mapping, tmp_path
):
    chance = random.Random(seed)
    messages = MESSAGES + chance.sample(MESSAGES, 20)
    chance.shuffle(messages)
    cuts = [0, *sorted(chance.sample(range(len(messages)), 3)), len(messages)]
    for number, (first, last) in enumerate(itertools.pairwise(cuts)):
        part = write_lines(tmp_path / f"{number}.ndjson", messages[first:last])
        run(part, tmp_path / "out", mapping=mapping)
    assert_same_stores(tmp_path / "out", whole)


def test_running_twice_changes_nothing_at_all(whole, mapping, tmp_path):
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES)
    run(messages, tmp_path / "out", mapping=mapping)
    before = files(tmp_path / "out")
    run(messages, tmp_path / "out", mapping=mapping)
    assert files(tmp_path / "out") == before


def test_a_runner_that_takes_all_input_at_once_leaves_the_same_stores(
    whole, mapping, tmp_path
):
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES)
    out = tmp_path / "out"
    run(messages, out, "--runner=BundleBasedDirectRunner", mapping=mapping)
    assert_same_stores(out, whole)


def test_an_observation_that_moves_is_counted_as_updated(mapping, tmp_path):
    body = {"patient": "p", "device": "d", "session": "s", "pulse": 90}
    late, early = (
        write_lines(tmp_path / f"{at}.ndjson", [{**body, "time": iso(at)}])
        for at in (MIDNIGHT + HOUR, MIDNIGHT - HOUR)
    )
    outcomes = []
    for messages in (late, early, late):
        counts = run_counts(messages, tmp_path / "out", mapping=mapping)
        outcomes.append(
            {
                name.removeprefix("Observation"): count
                for name, count in counts.items()
                if name.startswith("Observation") and count
            }
        )
    assert outcomes == [{"Created": 1}, {"Updated": 1}, {"Unchanged": 1}]
    by_date = {
        path.parent.name: len(path.read_bytes().splitlines())
        for path in (tmp_path / "out" / "fhir" / "Observation").rglob("*.ndjson")
    }
    assert by_date == {"date=2026-03-01": 1, "date=2026-03-02": 0}


steps = st.builds(
    step,
    at=st.integers(-40, 40).map(lambda hours: MIDNIGHT + hours * HOUR),
    patient=st.sampled_from(["p", "q"]),
    correlation=st.sampled_from(["s", "t", "u"]),
    encounter=st.sampled_from([None, "e"]),
    utc_offset_minutes=st.sampled_from([0, 60]),
    ingested_at=st.sampled_from([None, MIDNIGHT, MIDNIGHT + DAY]),
    values=st.sampled_from(
        [(("pulse", "72"),), (("pulse", "9"), ("note", "x")), (("note", "y"),)]
    ),
    tick=st.sampled_from([0, 3]),
    source=st.sampled_from(["m:1", "m:2"]),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_batches_order_and_repeats_do_not_matter(tmp_path_factory, found, shuffle):
    root = tmp_path_factory.mktemp("laws")
    Chain(root / "whole").run(found)
    shuffled = found + shuffle.sample(found, len(found) // 2)
    shuffle.shuffle(shuffled)
    chain = Chain(root / "parts")
    while shuffled:
        size = shuffle.randint(1, len(shuffled))
        chain.run(shuffled[:size])
        shuffled = shuffled[size:]
    assert files(root / "parts") == files(root / "whole")


CROSSING = [
    step(MIDNIGHT + hour * HOUR, correlation=session)
    for session, hours in {"s": (-1, 1, 25), "t": (-30, 2), "u": (3, 4)}.items()
    for hour in hours
]


def test_a_run_that_dies_at_any_write_is_mended_by_the_next(tmp_path, monkeypatch):
    class DeadError(Exception):
        pass

    first, second = CROSSING[::-2], CROSSING[-2::-2]
    whole = Chain(tmp_path / "whole")
    whole.run(first + second)
    expected = files(tmp_path / "whole")
    update = Folder.update
    died = 0
    for lives in range(100):
        left = lives

        def write(folder, name, change):
            nonlocal left
            if not left:
                raise DeadError
            left -= 1
            update(folder, name, change)

        chain = Chain(tmp_path / f"{lives}")
        chain.run(first)
        with monkeypatch.context() as patched:
            patched.setattr(Folder, "update", write)
            try:
                chain.run(second)
            except DeadError:
                died += 1
        chain.run(second)
        assert files(tmp_path / f"{lives}") == expected
        if left:
            break
    assert died > 8


def test_the_store_needs_no_local_files(tmp_path):
    collector = SlotCollector(MAPPING, 1, "v")
    collector.add(identify(CROSSING, MessageIdentities(), "v")[0])
    ((shard, slot, readings),) = collector.drain()
    assert (shard, slot) == (0, CORRELATED)
    rows = to_table([readings])
    here, there = Folder(f"{tmp_path}/here"), Folder("s3://bucket/there")
    there.__dict__["_files"] = ObjectFiles(MemoryStore(), "there", there.uri)
    for part in (rows.slice(0, 2), rows.slice(4), rows.slice(1, 4)):
        kept = [store(folder, CORRELATED, 0, part) for folder in (here, there)]
        assert kept[0].groups.readings == kept[1].groups.readings
        assert kept[0]._replace(groups=None) == kept[1]._replace(groups=None)
    written = {name: there.read(name) for name, _size in there.files("")}
    assert files(tmp_path / "here") == written


def test_a_firing_hands_on_whole_sessions_and_no_others(tmp_path):
    folder = Folder(str(tmp_path))

    def stored(*measurements):
        collector = SlotCollector(MAPPING, 1, "v")
        collector.add(identify(measurements, MessageIdentities(), "v")[0])
        ((_shard, slot, readings),) = collector.drain()
        done = store(folder, slot, 0, to_table([readings]))
        rows = done.groups.readings
        hours = (rows["occurred_at"].cast("int64").to_numpy() - MIDNIGHT) // HOUR
        sessions = rows["correlation_id"].to_pylist()
        found = list(zip(sessions, hours.tolist(), strict=True))
        return found, done.groups.starts, done[1:]

    s, t, u = CROSSING[:3], CROSSING[3:5], CROSSING[5:]
    assert stored(s[2], t[0]) == ([("t", -30), ("s", 25)], (0, 1), (2, 0, 0))
    assert stored(*u) == ([("u", 3), ("u", 4)], (0,), (2, 0, 0))
    assert stored(s[0], s[2]) == ([("s", -1), ("s", 25)], (0,), (1, 0, 1))
    assert stored(s[1]) == ([("s", -1), ("s", 1), ("s", 25)], (0,), (1, 0, 0))
    # Of the date that t[1] shares with others, only t is touched.
    assert stored(t[1]) == ([("t", -30), ("t", 2)], (0,), (1, 0, 0))
