"""All chance of a simulation."""

import random


class Dice:
    """Draws from a seed.

    Only `random()` is used, and seeds are texts: the sequence is the same on every
    machine, in every version of Python and whatever the seed of its hashes.
    """

    def __init__(self, seed):
        self._next = random.Random(seed).random

    def chance(self, share):
        return self._next() < share

    def below(self, number):
        return int(self._next() * number)

    def between(self, least, most):
        return least + self.below(most - least + 1)

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def shuffled(self, items):
        drawn = list(items)
        for last in range(len(drawn) - 1, 0, -1):
            other = self.below(last + 1)
            drawn[last], drawn[other] = drawn[other], drawn[last]
        return drawn
