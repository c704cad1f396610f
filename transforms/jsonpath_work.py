"""How much work one evaluation of a JSONPath may be.

Counted in steps, so that a message is too much work always or never. Only a regular
expression that is not simple is watched by the clock.
"""

from transforms.evaluation import WorkError
from transforms.jsonpath_regex import Pattern, quick_limit

MOST_STEPS = 5_000_000
"""Nodes visited and pairs compared by one evaluation: some seconds."""
_MOST_SECONDS = 0.5
"""Of slow searches that were given up; they are repeated with ten times the limit."""
_STEPS_PER_SEARCH = 300
CHARACTERS_PER_STEP = 32

_TOO_MUCH = "the path would take too much work on this message"
_TOO_SLOW = "a regular expression of the path would take too long on this message"


class Work:
    """What an evaluation may still do.

    Args:
        text: the path, for errors.
        steps: nodes it may visit.
    """

    __slots__ = ("_seconds", "_text", "steps")

    def __init__(self, text: str, steps: float = MOST_STEPS) -> None:
        self.steps = steps
        self._seconds = _MOST_SECONDS
        self._text = text

    def spend(self, steps: int) -> None:
        """Takes steps.

        Raises:
            WorkError: there are not that many left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise WorkError(_TOO_MUCH, self._text)

    def finds(self, pattern: Pattern, text: str) -> bool:
        """Whether a pattern matches somewhere in a text.

        All searches together take no more than ten times `_MOST_SECONDS` beyond what
        quick ones take.

        Raises:
            WorkError: finding out would take too long.
        """
        self.spend(1 + len(text) // CHARACTERS_PER_STEP)
        if pattern.is_simple:
            return pattern.quickly_finds(text)
        self.spend(_STEPS_PER_SEARCH)
        seconds = quick_limit(text)
        while True:
            try:
                return pattern.finds(text, seconds)
            except TimeoutError:
                self._seconds -= seconds
            if self._seconds < 0:
                raise WorkError(_TOO_SLOW, self._text)
            seconds *= 10
