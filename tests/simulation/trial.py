"""One seed, run and judged in a folder of its own."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.runs import files

from . import laws, world
from .errors import BrokenLawError
from .runner import Simulation

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it is our own


@contextmanager
def simulated(seed) -> Iterator[Simulation]:
    """A simulation that was run; its folders are gone afterwards."""
    memory = str(_IN_MEMORY) if _IN_MEMORY.is_dir() else None
    folder = tempfile.mkdtemp(prefix="vitalbeam-simulation-", dir=memory)
    try:
        simulation = Simulation(seed, folder)
        simulation.run()
        yield simulation
    finally:
        world.forget_connections()
        shutil.rmtree(folder)


def broken_law(seed):
    """What does not hold for a seed; None if all is well."""
    try:
        with simulated(seed) as simulation:
            laws.check(simulation)
    except BrokenLawError as error:
        return str(error)
    return None


def judged(seed):
    """The same; of a seed that ends with an error its number is told at least."""
    is_judged = False
    try:
        law = broken_law(seed)
        is_judged = True
    finally:
        if not is_judged:
            print(f"seed {seed} fails; see it with {command(seed)}")  # noqa: T201
    return law


def command(seed):
    """How to see a seed again."""
    return f".venv/bin/python -m tests.simulation --seed={seed} --show"


def told(simulation):
    """A simulation in lines for people, the same whenever and wherever it was run."""
    history = simulation.history
    for name, value in history._asdict().items():
        if name not in ("records", "jobs"):
            yield f"{name}: {value}"
    for record in history.records:
        yield f"log/{record.partition}/{record.offset} {record.payload!r}"
    for number, plan in enumerate(history.jobs):
        parts = [
            " ".join(f"{record.partition}/{record.offset}" for record in part)
            for part in plan.parts
        ]
        yield f"job {number}: {plan._replace(parts=tuple(parts))}"
    yield from simulation.deck.steps
    yield f"stores: {_digest(simulation)}"


def _digest(simulation):
    digest = hashlib.sha256()
    for name, content in files(simulation.folder).items():
        digest.update(name.encode() + content)
    return digest.hexdigest()
