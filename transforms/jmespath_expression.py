"""JMESPath expressions (https://jmespath.org/specification.html) of mapping files.

The jmespath library parses and evaluates. This module rejects at load what the library
would only notice on the first message (unknown functions, wrong numbers of
arguments), and decides when a result is several matches and when it is one.
"""

import difflib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import jmespath
from jmespath import exceptions, functions
from jmespath.lexer import Lexer

from transforms.functions import FunctionError, MappingFunctions

_OPTIONS = jmespath.Options(custom_functions=MappingFunctions())

_PROJECTIONS = {"projection", "value_projection", "filter_projection", "flatten"}


class JmesPathError(ValueError):
    """The text is no JMESPath expression.

    Args:
        message: what is wrong.
        position: 0-based offset in the text.
        suggestion: what to change.
    """

    def __init__(self, message: str, position: int, suggestion: str = "") -> None:
        self.message = message
        self.position = position
        self.suggestion = suggestion
        super().__init__(message)


class EvaluationError(ValueError):
    """A function failed on the data it met. The message holds no value of it.

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


class JmesPath:
    """A compiled JMESPath expression.

    Args:
        text: the expression as the mapping file has it.

    Raises:
        JmesPathError: at once, when the text cannot work on any document.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._parsed = _parse(text)
        self.projects = _projects(self._parsed.parsed)
        """Whether the result is a projection: several matches, not one array."""

    def __reduce__(self) -> tuple[type["JmesPath"], tuple[str]]:
        return JmesPath, (self.text,)

    def search(self, document: Any) -> Any:
        """Evaluates the expression; None when it finds nothing.

        Raises:
            EvaluationError: a function met an argument it cannot work on.
        """
        try:
            return self._parsed.search(document, options=_OPTIONS)
        except FunctionError as error:
            raise EvaluationError(str(error), self.text) from error
        except exceptions.JMESPathTypeError as error:
            expected = " or ".join(error.expected_types)
            # The library names JMESPath's types, but of items of arrays Python's.
            actual = functions.TYPES_MAP.get(error.actual_type, error.actual_type)
            msg = f"{error.function_name}: wants {expected}, got {actual}"
            # The library's own message shows values.
            raise EvaluationError(msg, self.text) from None
        except (exceptions.JMESPathError, ArithmeticError, TypeError, ValueError):
            msg = "a function of the expression cannot work on what it met"
            raise EvaluationError(msg, self.text) from None
        except RecursionError:
            msg = "the document is nested too deeply for the expression"
            raise EvaluationError(msg, self.text) from None


def _parse(text: str) -> Any:
    try:
        parsed = jmespath.compile(text)
    except exceptions.IncompleteExpressionError as error:
        msg = "the expression ends too early"
        raise JmesPathError(msg, len(text)) from error
    except exceptions.LexerError as error:
        raise JmesPathError(str(error.message), error.lexer_position) from error
    except exceptions.ParseError as error:
        position = error.lex_position or 0
        msg = f"unexpected {error.token_value!r}"
        if position == len(text):
            msg = "the expression ends too early"
        raise JmesPathError(msg, position) from error
    except exceptions.JMESPathError as error:
        msg = str(error) or "not a JMESPath expression"
        raise JmesPathError(msg, 0) from error
    except RecursionError as error:
        msg = "the expression is nested too deeply"
        raise JmesPathError(msg, 0) from error
    except ValueError as error:  # Python reads no whole number of thousands of digits
        msg = "a number in the expression is too large"
        raise JmesPathError(msg, 0) from error
    _check_functions(text, parsed.parsed)
    return parsed


def _check_functions(text: str, root: dict[str, Any]) -> None:
    places: dict[str, list[int]] = {}
    for token, after in pairwise(Lexer().tokenize(text)):
        if token["type"] == "unquoted_identifier" and after["type"] == "lparen":
            places.setdefault(token["value"], []).append(token["start"])
    for name, given in _calls(root):
        found = places.get(name)
        _check_call(name, given, found.pop(0) if found else 0)


def _calls(root: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Name and number of arguments of each call, in the order of the text."""
    pending = [root]
    while pending:
        node = pending.pop()
        children = [child for child in node["children"] if isinstance(child, dict)]
        if node["type"] == "function_expression":
            yield node["value"], len(children)
        if node["type"] == "filter_projection":
            before, after, condition = children
            children = [before, condition, after]
        pending += reversed(children)


def _check_call(name: str, given: int, position: int) -> None:
    table = MappingFunctions.FUNCTION_TABLE
    if name not in table:
        close = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else ""
        msg = f"there is no function {name}"
        raise JmesPathError(msg, position, hint)
    signature = table[name]["signature"]
    wanted = len(signature)
    variadic = bool(signature) and signature[-1].get("variadic")
    if given != wanted and not (variadic and given > wanted):
        least = "at least " if variadic else ""
        msg = f"{name} takes {least}{wanted} arguments, not {given}"
        raise JmesPathError(msg, position)


def _projects(node: dict[str, Any]) -> bool:
    kind = node["type"]
    if kind in _PROJECTIONS:
        return True
    if kind == "subexpression":
        return _projects(node["children"][-1])
    if kind in ("or_expression", "and_expression"):
        return any(_projects(child) for child in node["children"])
    return False
