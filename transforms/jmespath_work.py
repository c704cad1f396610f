"""How much work one evaluation of a JMESPath expression may take.

A short expression can ask for more than any machine has: `[@,@][].[@,@][]` and so on
doubles with every repetition. So everything that costs time or memory is paid for out
of a budget, about one unit for each node of the expression evaluated on one element.
"""

from typing import Any, TypeAlias

MOST_WORK = 20_000_000
"""Units of one evaluation: some seconds, and less than a gigabyte."""

_TEXT_SHARE = 8
"""Characters of text for one unit."""

Work: TypeAlias = list[int]
"""A list of one number: the units left."""


class ExhaustedError(Exception):
    """The budget of an evaluation is spent."""


def spend(work: Work, units: int) -> None:
    """Pays for what is about to be done.

    Raises:
        ExhaustedError: there is not that much left.
    """
    work[0] -= units
    if work[0] < 0:
        raise ExhaustedError


def spend_text(work: Work, length: int) -> None:
    """Pays for a text of some length."""
    spend(work, length // _TEXT_SHARE)


def spend_size(work: Work, value: Any) -> None:
    """Pays for going once through all of a value.

    An array may hold another many times over: what is little to keep can be too much
    to go through.
    """
    pending = [value]
    while pending:
        node = pending.pop()
        kind = type(node)
        if kind is dict:
            spend(work, len(node) + 1)
            spend_text(work, sum(map(len, node)))
            pending += node.values()
        elif kind is list:
            spend(work, len(node) + 1)
            pending += node
        elif kind is str:
            spend_text(work, len(node))
