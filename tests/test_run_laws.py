"""The same messages leave the same stores, however they come: the real main job."""

import collections
import itertools

import pytest
from runs import (
    FLEET,
    files,
    letters,
    resources,
    run,
    run_counts,
    table,
    write_lines,
)

from benchmarks.fleet import generate
from pipeline.local_run import Plan, _rounds

MESSAGES = [line.rstrip(b"\n") for line in generate(3_000, seed=11)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    messages = write_lines(folder / "messages.ndjson", MESSAGES)
    assert run(messages, folder / "out", mapping=FLEET) == 1
    return folder / "out"


def without_source(found):
    return found.drop_columns(["source"])


def assert_same_stores(left, right):
    assert files(left / "fhir") == files(right / "fhir")
    assert files(left / "observation") == files(right / "observation")
    assert without_source(table(left, "measurement")) == without_source(
        table(right, "measurement")
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_parts_in_any_order_with_repeats_equal_the_whole(order, whole, tmp_path):
    parts = [MESSAGES[:1_300], MESSAGES[1_100:2_000], MESSAGES[1_900:]]
    out = tmp_path / "out"
    for number in (*order, order[0]):
        part = write_lines(tmp_path / f"part{number}.ndjson", parts[number])
        run(part, out, mapping=FLEET)
    assert_same_stores(out, whole)


def test_reversed_messages_leave_the_same_stores(whole, tmp_path):
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES[::-1])
    run(messages, tmp_path / "out", mapping=FLEET)
    assert_same_stores(tmp_path / "out", whole)


def test_running_twice_changes_nothing_at_all(tmp_path):
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES)
    run(messages, tmp_path / "out", mapping=FLEET)
    before = files(tmp_path / "out")
    run(messages, tmp_path / "out", mapping=FLEET)
    assert files(tmp_path / "out") == before


def test_the_size_of_slices_does_not_matter(whole, tmp_path, monkeypatch):
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES * 2)
    assert messages.stat().st_size > 1_500_000
    run(messages, tmp_path / "out", "--slice_mb=1", mapping=FLEET)
    assert_same_stores(tmp_path / "out", whole)


def test_every_message_and_reading_is_accounted_for(tmp_path):
    counts = collections.Counter()
    for part in (MESSAGES[:1_500], MESSAGES[1_500:]):
        messages = write_lines(tmp_path / f"{len(counts)}.ndjson", part)
        counts += run_counts(messages, tmp_path / "out", mapping=FLEET)
    lost = collections.Counter(letter["stage"] for letter in letters(tmp_path / "out"))
    assert counts["DeviceEvent"] == len(MESSAGES)
    # The fleet's messages hold one measurement each.
    assert counts["DeviceEvent"] == (
        counts["NormalizedEvent"] + counts["DroppedEvent"] + lost["Normalize"]
    )
    assert counts["NormalizedEvent"] == (
        counts["Measurement"] + lost["Identify"] + lost["Group"]
    )
    assert counts["Reading"] == (
        counts["ReadingStored"] + counts["ReadingReplaced"] + counts["ReadingRepeated"]
    )
    assert counts["ReadingStored"] == table(tmp_path / "out", "measurement").num_rows
    assert min(lost.values()) > 0
    assert min(counts["ReadingReplaced"], counts["ReadingRepeated"]) > 0


def test_every_observation_is_referred_to_by_the_tables(whole):
    ids = set(resources(whole))
    assert set(table(whole, "measurement")["observation_id"].to_pylist()) == ids
    assert set(table(whole, "observation")["observation_id"].to_pylist()) == ids


def test_references_point_to_resources_that_are_there(whole):
    patients, devices = resources(whole, "Patient"), resources(whole, "Device")
    for observation in resources(whole).values():
        assert observation["subject"]["reference"].removeprefix("Patient/") in patients
        assert observation["device"]["reference"].removeprefix("Device/") in devices


def test_many_small_files_run_together(whole, tmp_path):
    for number in range(0, len(MESSAGES), 100):
        part = MESSAGES[number : number + 100]
        write_lines(tmp_path / f"{number:05}.ndjson", part)
    sizes = {str(p): p.stat().st_size for p in sorted(tmp_path.glob("*.ndjson"))}
    rounds = list(_rounds(sizes, Plan(100_000_000, 0, 1)))
    assert [len(slices) for slices, _ in rounds] == [30]
    assert rounds[0][1] == sum(len(line) + 1 for line in MESSAGES)
    run(tmp_path / "*.ndjson", tmp_path / "out", mapping=FLEET)
    assert_same_stores(tmp_path / "out", whole)


def test_rounds_cover_a_file_once_in_stretches(tmp_path):
    messages = write_lines(tmp_path / "m.ndjson", MESSAGES * 40)
    size = messages.stat().st_size
    rounds = list(_rounds({str(messages): size}, Plan(64 << 20, 0, 2)))
    assert len(rounds) > 2
    assert sum(stored for _, stored in rounds) == size
    stretches = [part for slices, _ in rounds for part in slices]
    assert len(stretches) == len(rounds)
    ends = [0, *(part.end for part in stretches)]
    assert [part.start for part in stretches] == ends[:-1]
    assert ends[-1] == size
    before = messages.read_bytes()[: stretches[1].start].count(b"\n")
    assert stretches[1].first == before + 1


def test_a_runner_that_takes_all_input_at_once_leaves_the_same_stores(whole, tmp_path):
    messages = write_lines(tmp_path / "messages.ndjson", MESSAGES)
    run(messages, tmp_path / "out", "--runner=BundleBasedDirectRunner", mapping=FLEET)
    assert_same_stores(tmp_path / "out", whole)
