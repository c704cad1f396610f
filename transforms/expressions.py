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
)
from transforms.jmespath_expression import EvaluationError, JmesPath
from transforms.jsonpath import MISSING, JsonPath, MultipleTokensError

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
        self.select: Callable[[Any], Any]
        """The one token an expression stands for, `MISSING` if there is none; raises
        `MultipleTokensError` and `EvaluationError`."""
        self.find: Callable[[Any], list[Any]]
        """All tokens an expression matches, in document order; raises
        `EvaluationError`."""
        if isinstance(compiled, JsonPath):
            self.select, self.find = compiled.select, compiled.find
        else:
            self.select, self.find = _select_with(compiled), _find_with(compiled)


def _select_with(compiled: JmesPath) -> Callable[[Any], Any]:
    def select(document: Any) -> Any:
        token = compiled.search(document)
        if token is None:
            return MISSING
        if compiled.projects and type(token) is list and len(token) > 1:
            raise MultipleTokensError(compiled.text)
        return token

    return select


def _find_with(compiled: JmesPath) -> Callable[[Any], list[Any]]:
    def find(document: Any) -> list[Any]:
        token = compiled.search(document)
        if token is None:
            return []
        return token if compiled.projects and type(token) is list else [token]

    return find


def as_record_error(error: MultipleTokensError | EvaluationError) -> RecordError:
    """What a failed evaluation is as a dead letter."""
    if isinstance(error, MultipleTokensError):
        return TemplateExpressionError(
            "the expression finds several tokens where one is wanted",
            "make the path exact, e.g. start at $.matchedToken, or match each element"
            " in typeMatchExpression",
            error.text,
        )
    return NormalizationDataMappingError(
        error.message,
        "guard the argument, e.g. with not_null() or to_number(), or narrow"
        " typeMatchExpression to messages that have it",
        error.text,
    )
