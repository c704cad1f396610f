"""One simulation: jobs whose bundles run side by side, and what goes wrong."""

import contextlib
from unittest import mock

from pipeline.fhir_errors import FhirUnavailableError

from . import world
from .chain import setting_in, write_all
from .deck import Bundle, Deck
from .dice import Dice
from .errors import BrokenLawError
from .jobs import Direct, Pieces, Whole
from .live import Live
from .plan import draw

_MOST_STEPS = 20_000
"""A hundred times what a history takes."""

_SHAPES = {"live": Live, "direct": Direct, "pieces": Pieces, "whole": Whole}


class Simulation:
    """A history, and what comes of it.

    Args:
        seed: of everything.
        folder: an empty one, for the stores.
    """

    def __init__(self, seed, folder):
        self.history = history = draw(seed)
        self._dice = dice = Dice(f"{seed}/run")
        self.deck = deck = Deck()
        self.disk = world.Disk(deck, dice)
        self.folder, self.expected = f"{folder}/run", f"{folder}/batch"
        self._settings = {"shards": history.shards, "medtech": history.medtech}
        self._settings |= {"sinks": history.sinks, "merge": history.merge}
        self.setting = setting = setting_in(
            world.SimulatedFolder(self.folder, self.disk), **self._settings
        )
        self.server = None
        if history.server:
            self.server = world.SimulatedServer(deck, dice, history.faults)
        self._disasters = history.disasters
        self.zombies = []
        self._processes = 0
        self.jobs = [
            _Running(_SHAPES[plan.shape](plan, setting, dice), number, self)
            for number, plan in enumerate(history.jobs)
        ]

    def connect(self):
        """The connection of a new process, and its name."""
        self._processes += 1
        name = f"p{self._processes}"
        if self.server is None:
            return name, None
        history = self.history
        settings = {"retry_s": history.retry_s, "merge": history.merge}
        return name, world.connect(self.server, name, **settings)

    @property
    def is_undisturbed(self):
        """Whether every bundle came to its end, so that its counts are known."""
        history = self.history
        return not (history.disasters or history.faults or history.torn)

    def run(self):
        """Runs all jobs to their ends, and what else it takes to judge them."""
        with mock.patch("pipeline.fhir_client._jitter", return_value=0):
            self.disk.torn = self.history.torn
            together = self.history.side_by_side
            for wave in [self.jobs] if together else [[job] for job in self.jobs]:
                while any([job.begin_or_step() for job in wave]):
                    self._disturb(wave)
                    if len(self.deck.steps) > _MOST_STEPS:
                        msg = "it does not come to an end"
                        raise BrokenLawError(msg)
            self.disk.torn = 0
            while self.zombies:
                self._step_zombie()
        world.forget_connections()
        expected = world.SimulatedFolder(self.expected, world.Disk(self.deck, None))
        write_all(setting_in(expected, **self._settings), self.history.records)

    def _disturb(self, wave):
        if self._disasters and self._dice.chance(0.04):
            self._disasters -= 1
            self._dice.pick(wave).crash()
        if self.zombies and self._dice.chance(0.15):
            self._step_zombie()

    def _step_zombie(self):
        zombie = self._dice.pick(self.zombies)
        with contextlib.suppress(FhirUnavailableError, world.Torn):
            # With a server a zombie dies by itself only: see `world`.
            if self.server is None and self._dice.chance(0.05):
                zombie.kill()
            else:
                zombie.step()
        if zombie.is_over:
            self.zombies.remove(zombie)


class _Running:
    """A job and its processes."""

    def __init__(self, job, number, simulation):
        self.job, self._number, self._simulation = job, number, simulation
        self._dice, self._deck = simulation._dice, simulation.deck
        self._connections = [simulation.connect() for _ in range(job.plan.workers)]
        self._bundles = {}
        """Offer, work and process, by bundle."""

    def begin_or_step(self):
        """One step of one bundle; returns whether there was anything to do."""
        free = len(self._bundles) < self.job.plan.workers + 1
        if free and (not self._bundles or self._dice.chance(0.3)):
            busy = {offer[:2] for offer, _, _ in self._bundles.values()}
            offers = [one for one in self.job.offers() if one[:2] not in busy]
            if offers:
                self._begin(self._dice.pick(offers))
                return True
        if not self._bundles:
            return False
        self._step(self._dice.pick(list(self._bundles)))
        return True

    def _begin(self, offer):
        work, process = self.job.work(offer), self._dice.below(len(self._connections))
        name, connection = self._connections[process]
        label = f"job {self._number} {name} {offer.kind} {_label(offer)}"
        bundle = Bundle(self._deck, label, lambda: work.program(connection))
        bundle.shape = self.job.plan.shape
        self._bundles[bundle] = offer, work, process

    def _step(self, bundle):
        try:
            bundle.step()
        except FhirUnavailableError:
            del self._bundles[bundle]
            self._deck.steps.append(f"{bundle.name}: fails")
            if self.job.plan.checkpoint < 1:
                self._die(range(len(self._connections)))
            return
        except world.Torn:
            process = self._bundles.pop(bundle)[2]
            self._deck.steps.append(f"{bundle.name}: dies in the middle of a file")
            self._die([process])
            return
        if bundle.is_over:
            _offer, work, _process = self._bundles.pop(bundle)
            self._deck.steps.append(f"{bundle.name}: noted")
            work.note(bundle.result)
            self.job.noted()

    def crash(self):
        """A process dies, and with it what a runner ties to it."""
        self._die([self._dice.below(len(self._connections))])

    def _die(self, processes):
        if self.job.plan.checkpoint < 1 or self.job.plan.shape == "whole":
            processes = range(len(self._connections))
            self.job.set_back()
        for bundle in [b for b, (_, _, p) in self._bundles.items() if p in processes]:
            del self._bundles[bundle]
            if self._dice.chance(self._simulation.history.zombies):
                self._deck.steps.append(f"{bundle.name}: declared dead")
                bundle.is_zombie = True
                self._simulation.zombies.append(bundle)
            else:
                bundle.kill()
        for process in processes:
            self._connections[process] = self._simulation.connect()


def _label(offer):
    return (
        offer.what
        if isinstance(offer.what, (str, int))
        else (f"{offer.what[0]} {'-'.join(map(str, offer.what[1]))}")
    )
