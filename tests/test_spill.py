"""What a run over files puts aside between its halves, and that nothing of it stays."""

import fcntl
import gzip
import os

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to
from runs import FLEET, files, letters, run, run_counts, table, write_lines

from benchmarks.fleet import generate
from pipeline import layout, local_run, spill
from pipeline.__main__ import main
from pipeline.local_run import LOCAL_RUNNER, run_here
from pipeline.spill import (
    Piece,
    Portion,
    ReadSpilled,
    Spill,
    pieces_in,
    portions_of,
    spill_folder,
)
from transforms.model import CORRELATED, Slot, SlotReadings

MESSAGES = [line.rstrip(b"\n") for line in generate(3_000, seed=11)]

HOUR = Slot(3_600_000_000, 60)
DAY = Slot(0, 1440)


def readings(shard, slot, *values):
    return SlotReadings(shard, slot, pa.record_batch({"value": list(values)}))


def spilled(folder, *batches):
    def wire(root):
        Spill(folder).group(root | beam.Create(batches, reshuffle=False))

    run_here(wire, None)


def portions_in(folder, most):
    """What was put aside, by four shards."""
    return portions_of(pieces_in(folder), 4, most)


def read(portions):
    """Keys to values of each portion, as the stage gives them."""
    found = []
    for portion in portions:
        key, batches = spill._read(portion)
        assert all((each.shard, *each.slot) == key for each in batches)
        values = [value for each in batches for value in each.readings["value"]]
        found.append((key, [value.as_py() for value in values]))
    return found


def test_readings_come_back_by_shard_and_slot(tmp_path):
    spilled(
        tmp_path,
        readings(1, HOUR, 1, 2),
        readings(0, DAY, 3),
        readings(1, HOUR, 4),
        readings(1, CORRELATED, 5),
    )
    spilled(tmp_path, readings(1, HOUR, 6), readings(0, HOUR, 7))
    found = [
        (key, sorted(values)) for key, values in read(portions_in(tmp_path, 1 << 20))
    ]
    assert found == [
        ((0, *DAY), [3]),
        ((0, *HOUR), [7]),
        ((1, *HOUR), [1, 2, 4, 6]),
        ((1, *CORRELATED), [5]),
    ]


def test_the_stage_gives_what_was_put_aside(tmp_path):
    spilled(tmp_path, readings(1, HOUR, 1, 2), readings(0, DAY, 3))
    portions = portions_in(tmp_path, 1 << 20)
    with beam.Pipeline(runner=LOCAL_RUNNER) as root:
        sums = (
            root
            | ReadSpilled(portions)
            | beam.Map(
                lambda found: (found[0], sum(b.readings.num_rows for b in found[1]))
            )
        )
        assert_that(sums, equal_to([((0, *DAY), 1), ((1, *HOUR), 2)]))


def test_a_slot_of_many_readings_is_stored_bit_by_bit(tmp_path):
    spilled(tmp_path, *(readings(0, HOUR, number) for number in range(5)))
    (whole,) = portions_in(tmp_path, 1 << 20)
    each = whole.size // 5
    assert all(piece.length == each and piece.rows == 1 for piece in whole.pieces)
    parts = portions_in(tmp_path, each * 2)
    assert [len(part.pieces) for part in parts] == [2, 2, 1]
    assert [piece for part in parts for piece in part.pieces] == whole.pieces
    # One piece is never cut.
    assert [len(part.pieces) for part in portions_in(tmp_path, 1)] == [1] * 5


def test_nothing_put_aside_is_nothing_to_store(tmp_path):
    spilled(tmp_path)
    assert portions_in(tmp_path, 1) == []


def test_a_portion_knows_its_size():
    portion = Portion((0, *HOUR), [Piece("a", 0, 10, 1), Piece("a", 10, 5, 1)])
    assert portion.size == 15


def test_the_folder_is_private_and_goes(tmp_path):
    with spill_folder(tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "readings").write_bytes(b"some")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_goes_when_a_run_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt), spill_folder(tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_not_here_needs_no_folder_beside_it():
    with spill_folder(None) as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_what_a_killed_run_left_goes_but_not_what_another_run_holds(tmp_path):
    left = tmp_path / ".spill-left"
    left.mkdir()
    (left / "a.arrows").write_bytes(b"some")
    with spill_folder(tmp_path) as other, spill_folder(tmp_path) as own:
        assert sorted(tmp_path.iterdir()) == sorted([other, own])


def test_a_folder_that_another_run_took_for_left_is_made_anew(tmp_path, monkeypatch):
    lock, taken = fcntl.flock, []

    def slow(held, how):
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].rmdir()
        lock(held, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    with spill_folder(tmp_path) as folder:
        assert folder.is_dir()
        assert folder != taken[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    messages = write_lines(folder / "m.ndjson", MESSAGES)
    return messages, run_counts(messages, folder / "out", mapping=FLEET), folder / "out"


def test_halves_leave_what_the_whole_chain_leaves(whole, tmp_path, monkeypatch):
    messages, counts, out = whole
    monkeypatch.setattr(local_run, "_FEW", 0)
    assert run_counts(messages, tmp_path / "out", mapping=FLEET) == counts
    assert files(tmp_path / "out") == files(out)


def test_what_was_put_aside_by_many_shards_is_stored_by_few(tmp_path):
    spilled(tmp_path, readings(5, HOUR, 6), readings(1, HOUR, 7), readings(6, HOUR, 8))
    portions = portions_in(tmp_path, 1 << 20)
    assert [portion.key for portion in portions] == [(1, *HOUR), (2, *HOUR)]
    assert [key for key, _values in read(portions)] == [(1, *HOUR), (2, *HOUR)]
    assert [piece.rows for portion in portions for piece in portion.pieces] == [1, 1, 1]


@pytest.mark.parametrize(("full", "shards"), [(1 << 30, 4), (18_000, 16), (1, 32)])
def test_a_large_first_run_chooses_the_shards(tmp_path, monkeypatch, full, shards):
    crowd = generate(3_000, seed=11, people=150)
    messages = write_lines(tmp_path / "m.ndjson", [line.rstrip() for line in crowd])
    given = run_counts(
        messages, tmp_path / "given", f"--shards={shards}", mapping=FLEET
    )
    monkeypatch.setattr(local_run, "_LARGE", 1)
    monkeypatch.setattr(layout, "_FULL", full)
    assert run_counts(messages, tmp_path / "out", mapping=FLEET) == given
    assert files(tmp_path / "out") == files(tmp_path / "given")


def test_a_large_run_leaves_an_old_store_its_shards(whole, tmp_path, monkeypatch):
    messages, _counts, out = whole
    run_counts(messages, tmp_path / "out", mapping=FLEET)
    monkeypatch.setattr(local_run, "_LARGE", 1)
    monkeypatch.setattr(layout, "_FULL", 1)
    run_counts(messages, tmp_path / "out", mapping=FLEET)
    assert files(tmp_path / "out") == files(out)


@pytest.mark.parametrize(("shards", "status"), [(8, 1), (3, 2)])
def test_another_run_may_make_the_store_meanwhile(
    tmp_path, monkeypatch, capsys, shards, status
):
    """What was put aside is stored by its shards, if these divide ours."""
    messages = write_lines(tmp_path / "m.ndjson", MESSAGES)
    pieces_in = spill.pieces_in

    def late(folder):
        run(messages, tmp_path / "out", f"--shards={shards}", mapping=FLEET)
        return pieces_in(folder)

    monkeypatch.setattr(local_run, "_LARGE", 1)
    monkeypatch.setattr(local_run, "pieces_in", late)
    where = [f"--messages={messages}", f"--out={tmp_path / 'out'}"]
    assert main(["run", str(FLEET), *where]) == status
    said = capsys.readouterr().err
    assert ("was made by another run meanwhile, with 3 shards" in said) == (shards == 3)
    run(messages, tmp_path / "alone", f"--shards={shards}", mapping=FLEET)
    assert files(tmp_path / "out") == files(tmp_path / "alone")


def test_slots_stored_bit_by_bit_leave_the_same(whole, tmp_path, monkeypatch):
    messages, counts, out = whole
    monkeypatch.setattr(local_run, "_PORTION", 1)
    found = run_counts(messages, tmp_path / "out", "--slice_mb=1", mapping=FLEET)
    assert files(tmp_path / "out") == files(out)
    assert found["Reading"] == counts["Reading"]


def test_what_stands_before_damage_is_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(local_run, "_FEW", 0)
    good = write_lines(tmp_path / "a.ndjson", MESSAGES)
    cut = gzip.compress(b"\n".join(MESSAGES * 10), mtime=0)
    (tmp_path / "b.ndjson.gz").write_bytes(cut[: len(cut) // 2])
    assert (
        run(tmp_path / "*.ndjson*", tmp_path / "out", "--slice_mb=1", mapping=FLEET)
        == 2
    )
    run(good, tmp_path / "alone", mapping=FLEET)
    stored = table(tmp_path / "out", "measurement")["observation_id"].to_pylist()
    alone = table(tmp_path / "alone", "measurement")["observation_id"].to_pylist()
    assert set(stored) >= set(alone)
    assert len(letters(tmp_path / "out")) >= len(letters(tmp_path / "alone"))
    assert not [path for path in os.listdir(tmp_path / "out") if path.startswith(".")]
