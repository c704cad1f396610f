"""Bundles that run side by side, one step after the other, without threads or clocks.

A bundle runs real code in a greenlet of its own. That code stands still before each of
its side effects, and the simulation decides who goes on.
"""

import greenlet


class Deck:
    """Knows who is running."""

    def __init__(self):
        self._main = greenlet.getcurrent()
        self.steps = []
        """What was done, in order, for people and for comparing two runs."""

    @property
    def running(self):
        """The bundle that runs; None outside of all bundles."""
        return getattr(greenlet.getcurrent(), "bundle", None)

    def pause(self, what):
        """Called before a side effect. The code that runs may never come back."""
        bundle = self.running
        if bundle is None:
            return
        bundle.next = what
        self._main.switch()
        self.steps.append(f"{bundle.name}: {what}")


class Bundle:
    """Some code and how far it has come.

    Args:
        deck: where it runs.
        name: for people.
        program: the code.
    """

    def __init__(self, deck, name, program):
        self._deck = deck
        self._greenlet = greenlet.greenlet(self._run, deck._main)
        self._greenlet.bundle = self
        self._program = program
        self.name = name
        self.next = "begin"
        self.result = None
        self.error = None
        self.is_over = False
        self.is_zombie = False
        """Whether it was declared dead and goes on all the same."""

    def _run(self):
        try:
            self.result = self._program()
        except BaseException as error:  # whoever steps gets it
            self.error = error
        self.is_over = True

    def step(self):
        """Goes on to just before the next side effect, or to the end."""
        self._greenlet.switch()
        if self.is_over and self.error is not None:
            raise self.error

    def kill(self):
        """Ends it where it stands, as `kill -9` does: what is not done never is."""
        self._deck.steps.append(f"{self.name}: killed before {self.next}")
        self._greenlet.throw()
        self.is_over = True
