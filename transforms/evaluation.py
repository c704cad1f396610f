"""What the two expression languages have in common when they meet a message."""

import enum
from typing import Final, NamedTuple


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""What a single-value expression that finds nothing stands for; JSON's null, found by
a JSONPath, is something."""


class EvaluationError(ValueError):
    """An expression failed on the data it met. The message holds no value of it.

    Args:
        message: what went wrong.
        text: the expression.
    """

    def __init__(self, message: str, text: str) -> None:
        self.message = message
        self.text = text
        super().__init__(message, text)

    def __str__(self) -> str:
        return self.message


class MultipleTokensError(EvaluationError):
    """An expression found several values where exactly one is wanted."""

    def __init__(self, text: str) -> None:
        super().__init__(
            "the expression finds several tokens where one is wanted", text
        )

    def __reduce__(self) -> tuple[type["MultipleTokensError"], tuple[str]]:
        return MultipleTokensError, (self.text,)


class WorkError(EvaluationError):
    """An expression would take unbounded time or memory on the data it met."""


class Difference(NamedTuple):
    """A place of an expression whose result differs under `--compat=medtech`."""

    position: int
    """0-based offset in the text of the expression."""
    message: str
    """What differs, e.g. `divide: with two whole numbers MedTech cuts the fraction`."""
