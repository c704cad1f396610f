"""JMESPath expressions (https://jmespath.org/specification.html) of mapping files.

    expression = JmesPath("Body.data[?value].value")
    expression.find(document)      # every match
    expression.select(document)    # the one token it stands for, or MISSING

A projection (`[*]`, `[]`, `[?…]`, `[1:]`, `*` and what follows them) is one match for
each element; any other array is one match. What can work on no message is an error at
load, and no message makes an evaluation endless.
"""

import math
from collections.abc import Callable
from typing import Any

from jmespath import exceptions, functions

from transforms.evaluation import (
    MISSING,
    Difference,
    EvaluationError,
    MultipleTokensError,
    WorkError,
)
from transforms.functions import EXTENSIONS
from transforms.jmespath_calls import Evaluate
from transforms.jmespath_checks import check_calls
from transforms.jmespath_differences import differences_of
from transforms.jmespath_medtech import compile_medtech_tree, value_of
from transforms.jmespath_reach import reaches_whole
from transforms.jmespath_syntax import JmesPathError, Node, nodes, parse, projects
from transforms.jmespath_tree import Projection, compile_tree
from transforms.jmespath_values import FunctionError
from transforms.jmespath_work import MOST_WORK, ExhaustedError, Work, spend_size

__all__ = ["EvaluationError", "JmesPath", "JmesPathError"]

_MOST_COPIES = 100
"""Copies that an expression may make of what it meets without being watched."""


class JmesPath:
    """A compiled JMESPath expression.

    Args:
        text: the expression as the mapping file has it.
        medtech: whether it is evaluated as MedTech does, see `jmespath_medtech`.

    Raises:
        JmesPathError: at once, when the text cannot work on any document.
    """

    __slots__ = (
        "differences",
        "extensions",
        "find",
        "functions",
        "medtech",
        "names",
        "projects",
        "select",
        "text",
        "whole",
    )

    find: Callable[[Any], list[Any]]
    """All matches in a document; raises `EvaluationError`."""
    select: Callable[[Any], Any]
    """The one token of a document, or `MISSING`; raises `MultipleTokensError` and
    `EvaluationError`."""
    names: frozenset[str]
    """All names of members that stand in the expression."""
    functions: tuple[tuple[str, int], ...]
    """Name and 0-based position of each call."""
    extensions: tuple[tuple[str, int], ...]
    """Those of them that MedTech does not know."""
    projects: bool
    """Whether the result may be a projection."""
    whole: bool
    """Whether an evaluation may go through the whole message."""
    differences: tuple[Difference, ...]
    """Places where MedTech's result is another one."""

    def __init__(self, text: str, *, medtech: bool = False) -> None:
        root = parse(text, strict_literals=medtech)
        # A mapping that MedTech loads must load, though it may fail on every message.
        check_calls(root, literals=not medtech)
        self.text = text
        self.medtech = medtech
        found = list(nodes(root))
        fields = (node["value"] for node in found if node["type"] == "field")
        self.names = frozenset(fields)
        calls = (node for node in found if node["type"] == "function_expression")
        pairs = ((node["position"], node["value"]) for node in calls)
        self.functions = tuple((name, position) for position, name in sorted(pairs))
        self.extensions = tuple(
            (name, position) for name, position in self.functions if name in EXTENSIONS
        )
        self.projects = projects(root, medtech=medtech)
        self.whole = reaches_whole(root)
        self.differences = differences_of(root)
        evaluate = compile_medtech_tree(root) if medtech else compile_tree(root)
        if _copies(found) > _MOST_COPIES:
            evaluate = _watched(evaluate)
        # Functions on the object, not methods around them: they run for every message.
        self.find = _find_with(evaluate, text)
        self.select = _select_with(evaluate, text, unwrap=not medtech)

    def __repr__(self) -> str:
        return f"JmesPath({self.text!r}, medtech={self.medtech})"

    def __reduce__(self) -> tuple[Callable[[str, bool], "JmesPath"], tuple[str, bool]]:
        # Closures do not pickle; Beam ships the text and each worker compiles it.
        return _compiled, (self.text, self.medtech)


def _compiled(text: str, medtech: bool) -> JmesPath:
    return JmesPath(text, medtech=medtech)


def _copies(found: list[Node]) -> int:
    """How many times a part of a document may stand in a result, at the most."""
    return math.prod(
        max(1, len(node["children"]))
        for node in found
        if node["type"] in _COPYING or node.get("value") == "merge"
    )


_COPYING = ("multi_select_list", "multi_select_dict")


def _watched(evaluate: Evaluate) -> Evaluate:
    """Pays for the size of the result: others will go through it."""

    def watched(document: Any, work: Work) -> Any:
        result = evaluate(document, work)
        spend_size(work, value_of(result))
        return result

    return watched


def _find_with(evaluate: Evaluate, text: str) -> Callable[[Any], list[Any]]:
    def find(document: Any) -> list[Any]:
        try:
            result = evaluate(document, [MOST_WORK])
        except _FAILURES as error:
            raise _evaluation_error(error, text) from None
        if type(result) is Projection:
            return [value_of(element) for element in result]
        return [] if result is None or result is MISSING else [result]

    return find


def _select_with(
    evaluate: Evaluate, text: str, *, unwrap: bool
) -> Callable[[Any], Any]:
    def select(document: Any) -> Any:
        try:
            result = evaluate(document, [MOST_WORK])
        except _FAILURES as error:
            raise _evaluation_error(error, text) from None
        if type(result) is Projection:
            if len(result) > 1:
                raise MultipleTokensError(text)
            if unwrap:
                return result[0] if result else MISSING
            return value_of(result)
        return MISSING if result is None else result

    return select


_FAILURES = (
    exceptions.JMESPathError,
    ExhaustedError,
    # Deep documents; numbers beyond those of Python.
    RecursionError,
    ArithmeticError,
    ValueError,
    # The library's max_by, min_by and sort_by compare keys of different kinds.
    TypeError,
)


def _evaluation_error(error: Exception, text: str) -> EvaluationError:
    """The error without the values that the library's messages show."""
    if isinstance(error, ExhaustedError):
        msg = "the expression takes too much work on so large a message"
        return WorkError(msg, text)
    if isinstance(error, RecursionError):
        msg = "the document is nested too deeply for the expression"
        return EvaluationError(msg, text)
    if isinstance(error, FunctionError):
        return EvaluationError(str(error), text)
    if isinstance(error, exceptions.JMESPathTypeError):
        expected = " or ".join(error.expected_types)
        # The library names JMESPath's types, but of items of arrays Python's.
        actual = functions.TYPES_MAP.get(error.actual_type, error.actual_type)
        msg = f"{error.function_name}: wants {expected}, got {actual}"
        return EvaluationError(msg, text)
    msg = "a function of the expression cannot work on what it met"
    return EvaluationError(msg, text)
