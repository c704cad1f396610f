"""What the values of JMESPath have in common, whoever compares or computes."""

from typing import Any

from transforms.evaluation import MISSING


class FunctionError(ValueError):
    """A function or comparison cannot answer.

    The message names the function, never a value.
    """


def same(left: Any, right: Any) -> bool:
    """Whether two tokens are the same JSON: 1 and 1.0 are, 1 and true are not."""
    kind = type(left)
    if kind is dict:
        return (
            type(right) is dict
            and left.keys() == right.keys()
            and all(same(value, right[name]) for name, value in left.items())
        )
    if kind is list:
        return (
            type(right) is list
            and len(left) == len(right)
            and all(map(same, left, right))
        )
    return bool(left == right) and (kind is bool) == (type(right) is bool)


def is_false(token: Any) -> bool:
    """Whether a condition that a token stands for does not hold: 0 is not false.

    `MISSING`, which only MedTech's evaluation tells from null, does not hold either.
    """
    if token is MISSING:
        return True
    return not token and type(token) is not int and type(token) is not float
