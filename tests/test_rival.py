"""A second opinion: the hand-written script knows nothing of our code, and agrees."""

import pytest
from runs import FLEET, letters, resources, run, table, write_lines

from benchmarks import script
from benchmarks.fleet import generate
from benchmarks.mappings import write_sampled
from pipeline.mappings import load_mappings


def in_order(found):
    return found.sort_by([(name, "ascending") for name in found.column_names])


ALL = frozenset(kind.name for kind in script.KINDS)


@pytest.mark.parametrize("hourly", [script.HOURLY, ALL])
def test_the_script_for_exactly_this_mapping_makes_the_same(hourly, tmp_path):
    mapping = FLEET if hourly != ALL else write_sampled(tmp_path / "mapping")
    lines = [line.rstrip(b"\n") for line in generate(4_000, seed=23)]
    messages = write_lines(tmp_path / "messages.ndjson", lines)
    version = load_mappings(mapping / "device.json", mapping / "fhir.json").version
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    run(messages, ours, mapping=mapping)
    script.run(messages, theirs, version, hourly)
    for resource_type in ("Observation", "Patient", "Device"):
        assert resources(ours, resource_type) == resources(theirs, resource_type)
    assert in_order(table(ours, "observation")) == in_order(
        table(theirs, "observation")
    )
    # Where the broker delivered the same bytes twice, each names another of the lines.
    mine, other = (
        in_order(table(out, "measurement").drop_columns(["source"]))
        for out in (ours, theirs)
    )
    assert mine == other
    causes = [
        sorted(
            # The script has one name for what is no number, whatever the value.
            (
                ltr["stage"],
                ltr["error"] if hourly != ALL else "",
                ltr["source"].rpartition(":")[2],
            )
            for ltr in found
        )
        for found in (letters(ours), letters(theirs))
    ]
    assert causes[0] == causes[1]
