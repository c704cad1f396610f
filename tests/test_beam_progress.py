"""Why Beam's progress of an unbounded read needs a cure, and that it is one.

Each case is a process of its own: the cure changes Beam for good.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SPLIT = """
import math
from apache_beam.io import unbounded_source as u
from apache_beam.runners.worker.bundle_processor import DataInputOperation
from apache_beam.utils.counters import Counter, CounterFactory

restriction = u._UnboundedSourceRestriction(u.UnboundedSource())
tracker = u._UnboundedSourceRestrictionTracker(restriction)

# What a read has put out, in bytes, is its elements times their mean size, and that is
# known after the first of them.
counter = CounterFactory().get_counter("MeanByteCount", Counter.BEAM_DISTRIBUTION)
mean = counter.value()[0]
assert math.isnan(mean)

progress = tracker.current_progress().with_completed(1 * mean)
try:
    split = DataInputOperation._compute_split(
        0, progress.fraction_completed, 1, 0.5, 1, (), tracker.try_split
    )
except ValueError as error:
    split = error
print(split)
"""

CURE = "from pipeline import beam_progress; beam_progress.steady()"


def outcome(*lines):
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("before", "split"),
    [
        ("", "cannot convert float NaN to integer"),
        (CURE, "None"),  # no split of one element
        (f"{CURE}\nbeam_progress.steady()", "None"),
    ],
    ids=["as Beam comes", "cured", "cured twice"],
)
def test_a_read_that_is_asked_to_split_before_its_first_element_is_through(
    before, split
):
    assert outcome(before, SPLIT) == [split]


def test_the_cure_is_given_if_it_is_needed():
    needed = "from pipeline import beam_progress as b; print(b.is_unsteady())"
    loaded = "import pipeline.kafka_source"

    assert outcome(needed) == ["True"], "this Beam needs no beam_progress.py any more"
    assert outcome(loaded, needed) == ["False"]


def test_a_read_is_nothing_or_all():
    code = """
import dataclasses
from apache_beam.io import unbounded_source as u
from pipeline.beam_progress import steady_progress
for done in (False, True):
    one = u._UnboundedSourceRestriction(u.UnboundedSource(), is_done=done)
    progress = steady_progress(u._UnboundedSourceRestrictionTracker(one))
    print(progress.with_completed(7).fraction_completed, progress.fraction_remaining)
"""
    assert outcome(code) == ["0.0 1.0", "1.0 0.0"]
