"""Comparisons of JMESPath (https://jmespath.org/specification.html#comparison-operators).

Numbers are equal whatever their kind, and a truth value is no number. An order there is
among numbers and, as in the jmespath library, among texts; of anything else it is null.
"""

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from transforms.jmespath_values import same
from transforms.jmespath_work import Work, spend_size

Compare: TypeAlias = Callable[[Any, Any, Work], bool | None]
"""From two tokens and the work left to the result of a comparison."""


def equal(left: Any, right: Any, work: Work) -> bool:
    """Whether two tokens are the same JSON."""
    kind = type(left)
    if kind is dict or kind is list:
        if type(right) is not kind or len(left) != len(right):
            return False
        spend_size(work, right)
        return same(left, right)
    return same(left, right)


_NUMBERS = (int, float)


def _ordered(compare: Callable[[Any, Any], bool]) -> Compare:
    def ordered(left: Any, right: Any, _work: Work) -> bool | None:
        if type(left) in _NUMBERS and type(right) in _NUMBERS:
            return compare(left, right)
        if type(left) is str and type(right) is str:
            return compare(left, right)
        return None

    return ordered


COMPARISONS: dict[str, Compare] = {
    "eq": equal,
    "ne": lambda left, right, work: not equal(left, right, work),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
}
