"""Comparisons of JMESPath as MedTech's libraries make them, for `--compat=medtech`.

Equality is Newtonsoft's: tokens of different kinds are never equal, not even 1 and 1.0,
and a date equals no text. An order there is among numbers and among texts, of which
null is the smallest.
"""

import operator
from collections.abc import Callable
from typing import Any

from transforms.date_token import DateToken
from transforms.evaluation import MISSING, Missing
from transforms.jmespath_work import Work, spend_size, spend_text
from transforms.jsonpath_values import close


def text_of(token: Any) -> Any:
    """The text of a date, any other token as it is."""
    return token.text if type(token) is DateToken else token


def ordinal(token: Any) -> Any:
    """What orders a token among numbers or texts; texts by their UTF-16 units."""
    text = text_of(token)
    return text.encode("utf-16-be") if type(text) is str else text


def same_in_dotnet(left: Any, right: Any) -> bool:
    """Whether two tokens are the same to Newtonsoft."""
    kind = type(left)
    if kind is not type(right):
        return False
    if kind is dict:
        return left.keys() == right.keys() and all(
            same_in_dotnet(value, right[name]) for name, value in left.items()
        )
    if kind is list:
        return len(left) == len(right) and all(map(same_in_dotnet, left, right))
    if kind is float:
        return close(left, right)
    if kind is DateToken:
        return bool((left.instant, left.tick) == (right.instant, right.tick))
    return bool(left == right)


def _equal(left: Any, right: Any, work: Work) -> bool:
    if type(right) is list or type(right) is dict:
        spend_size(work, right)
    return same_in_dotnet(left, right)


def _ordered(
    compare: Callable[[Any, Any], bool],
) -> Callable[[Any, Any, Work], bool | Missing]:
    def ordered(left: Any, right: Any, work: Work) -> bool | Missing:
        kinds = _kind(left), _kind(right)
        if kinds[0] is None or kinds[0] != kinds[1]:
            return MISSING
        for token in (left, right):
            if type(token) is str:
                spend_text(work, len(token))
        # Nothing of a text comes before the empty one: a null does.
        return compare(_rank(left), _rank(right))

    return ordered


def _kind(token: Any) -> str | None:
    if type(token) is int or type(token) is float:
        return "number"
    return "string" if token is None or type(token) in (str, DateToken) else None


def _rank(token: Any) -> tuple[int, Any]:
    return (0, 0) if token is None else (1, ordinal(token))


DOTNET_COMPARISONS: dict[str, Callable[[Any, Any, Work], bool | Missing]] = {
    "eq": _equal,
    "ne": lambda left, right, work: not _equal(left, right, work),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
}
