"""Whatever goes wrong on the way, the stores end as those of one undisturbed run."""

import os
import subprocess
import sys

import pytest
from runs import ROOT

from tests.simulation.mutants import MUTANTS
from tests.simulation.trial import broken_law, command, judged

SEEDS = int(os.environ.get("VITALBEAM_SEEDS", "100"))
BLOCK = 20


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_history_ends_as_an_undisturbed_run(first):
    for seed in range(first, min(first + BLOCK, SEEDS)):
        law = judged(seed)
        assert law is None, f"seed {seed}: {law}\nsee it with {command(seed)}"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_bug_is_found(name):
    """Within 300 seeds; else the simulator is blind to it."""
    with MUTANTS[name]():
        assert any(_is_found(seed) for seed in range(300))


def _is_found(seed):
    return broken_law(seed) is not None


def test_a_seed_is_the_same_on_every_machine():
    """Hashes of texts differ from process to process, and must not matter."""
    told = {
        subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seeds=0:12", "--show"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    }
    assert len(told) == 1
    assert b"seed 11: every law holds" in told.pop()
