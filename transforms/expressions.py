"""Expressions of a device mapping, compiled once, whatever their language.

`find` gives the matches of a `typeMatchExpression`, `select` the one token of any other
expression. What a language calls "nothing" is `MISSING` for both.
"""

from collections.abc import Callable
from typing import Any

from transforms.errors import (
    NormalizationDataMappingError,
    RecordError,
    TemplateExpressionError,
    TooMuchWorkError,
)
from transforms.evaluation import EvaluationError, MultipleTokensError, WorkError
from transforms.jmespath_expression import JmesPath
from transforms.jsonpath import JsonPath

JSON_PATH = "JsonPath"
JMES_PATH = "JmesPath"


class Expression:
    """One compiled expression.

    Args:
        compiled: the expression in its language.
        location: file and line, for dead letters.
    """

    __slots__ = ("compiled", "find", "location", "select", "text")

    def __init__(self, compiled: JsonPath | JmesPath, location: str) -> None:
        self.compiled = compiled
        self.location = location
        self.text = compiled.text
        # Functions on the object, not methods around them: they run for every message.
        self.select: Callable[[Any], Any] = compiled.select
        """The one token an expression stands for, `MISSING` if there is none; raises
        `EvaluationError`."""
        self.find: Callable[[Any], list[Any]] = compiled.find
        """All tokens an expression matches, in document order; raises
        `EvaluationError`."""


def is_true(tokens: list[Any]) -> bool:
    """Whether what a condition found lets a message pass.

    Null, false, and empty texts, arrays and objects do not, as in JMESPath
    (https://jmespath.org/specification.html#or-expressions).
    """
    return any(
        token is not None and token is not False and token not in ("", [], {})
        for token in tokens
    )


def as_record_error(error: EvaluationError) -> RecordError:
    """What a failed evaluation is as a dead letter."""
    if isinstance(error, MultipleTokensError):
        return TemplateExpressionError(
            "the expression finds several tokens where one is wanted",
            "make the path exact, e.g. start at $.matchedToken, or match each element"
            " in typeMatchExpression",
            error.text,
        )
    if isinstance(error, WorkError):
        return TooMuchWorkError(
            error.message,
            "make the expression more exact: fewer .., nested wildcards and repetitions"
            " in regular expressions; or send smaller messages",
            error.text,
        )
    return NormalizationDataMappingError(
        error.message,
        "guard the argument, e.g. with not_null() or to_number(), or narrow"
        " typeMatchExpression to messages that have it",
        error.text,
    )
