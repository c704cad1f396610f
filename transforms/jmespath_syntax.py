"""From the text of a JMESPath expression to a checked tree.

The jmespath library parses (https://jmespath.org/specification.html). This module adds
the positions of what can be complained about, and rejects at load what can work on no
message: unknown functions, wrong numbers of arguments, steps of 0.

A node is the library's: a dict with `type`, `children`, mostly `value`; and here, where
an error may point at it, `position`.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from jmespath import exceptions
from jmespath.lexer import Lexer
from jmespath.parser import Parser

Node: TypeAlias = dict[str, Any]

_DEEPEST = 150
"""Levels of a tree, and of brackets. It is evaluated recursively, on any stack."""

_OPENING = frozenset({"lparen", "lbracket", "lbrace", "filter"})
_CLOSING = frozenset({"rparen", "rbracket", "rbrace"})
_BACKTICKS = re.compile(r"`((?:[^`\\]|\\.)*)`", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")

PROJECTIONS = frozenset({"projection", "filter_projection", "value_projection"})
"""Types of nodes that yield one value for each element."""

_TOO_DEEP = "the expression is nested too deeply"
_TOO_EARLY = "the expression ends too early"


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


class _LocatingParser(Parser):
    """The library's parser, with positions and without its cache of results."""

    def tree(self, text: str) -> Node:
        return self._do_parse(text).parsed

    def _token_led_lparen(self, left: Node) -> Node:
        name = self._lookahead_token(-2)
        return super()._token_led_lparen(left) | {"position": name["start"]}

    def _token_nud_literal(self, token: dict[str, Any]) -> Node:
        return super()._token_nud_literal(token) | {"position": token["start"]}

    def _token_nud_expref(self, token: dict[str, Any]) -> Node:
        return super()._token_nud_expref(token) | {"position": token["start"]}

    def _token_led_lbracket(self, left: Node) -> Node:
        # The library takes a slice after an index, a[0][1:], for no projection.
        follows = [token["type"] for token in self._tokens[self._index :][:2]]
        if left["type"] == "index_expression" and "colon" in follows:
            left = {"type": "subexpression", "children": [left]}
        return super()._token_led_lbracket(left)

    def _parse_comparator(self, left: Node, comparator: str) -> Node:
        position = self._lookahead_token(-1)["start"]
        node = super()._parse_comparator(left, comparator)
        return node | {"position": position}

    def _parse_slice_expression(self) -> Node:
        position = self._lookahead_token(-1)["start"]
        node = super()._parse_slice_expression()
        if node["children"][2] == 0:
            msg = "a slice with step 0 can take nothing"
            raise JmesPathError(msg, position)
        return node | {"position": position}


def parse(text: str, *, strict_literals: bool) -> Node:
    """The tree of an expression.

    Args:
        text: the expression.
        strict_literals: whether a literal in backticks must be JSON, or may be a bare
            word, as the library and early versions of the language have it.

    Raises:
        JmesPathError: the text is no expression.
    """
    lone = _SURROGATE.search(text)
    if lone is not None:
        msg = "half of a surrogate pair is no character"
        raise JmesPathError(msg, lone.start())
    try:
        _check_tokens(text, strict_literals)
        root = _LocatingParser().tree(text)
    except RecursionError as error:
        raise JmesPathError(_TOO_DEEP, 0) from error
    except exceptions.JMESPathError as error:
        raise _syntax_error(error, text) from error
    if _depth(root) > _DEEPEST:
        raise JmesPathError(_TOO_DEEP, 0)
    return root


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node."""
    return (child for child in node["children"] if isinstance(child, dict))


def nodes(root: Node) -> Iterator[Node]:
    """All nodes of a tree, each before those below it."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending += children(node)


def projects(node: Node, *, medtech: bool = False) -> bool:
    """Whether a node may yield a projection: several values, not one array.

    Args:
        node: the node.
        medtech: whether what follows a projection in parentheses is one, too.
    """
    kind, below = node["type"], node["children"]
    if kind in PROJECTIONS:
        return True
    if kind in ("or_expression", "and_expression") or (
        medtech and kind in ("subexpression", "index_expression")
    ):
        return any(projects(child, medtech=medtech) for child in children(node))
    return kind in ("subexpression", "pipe") and projects(below[-1], medtech=medtech)


def _depth(root: Node) -> int:
    deepest = 0
    pending = [(root, 1)]
    while pending:
        node, level = pending.pop()
        deepest = max(deepest, level)
        pending += ((child, level + 1) for child in children(node))
    return deepest


def _syntax_error(error: exceptions.JMESPathError, text: str) -> JmesPathError:
    if isinstance(error, exceptions.IncompleteExpressionError):
        return JmesPathError(_TOO_EARLY, len(text))
    if isinstance(error, exceptions.LexerError):
        return JmesPathError(str(error.message), error.lexer_position)
    if isinstance(error, exceptions.ParseError):
        position = error.lex_position or 0
        if position == len(text):
            return JmesPathError(_TOO_EARLY, position)
        return JmesPathError(f"unexpected {error.token_value!r}", position)
    return JmesPathError(str(error) or "not a JMESPath expression", 0)


# What the library lets pass, or fails on in ways of its own.


def _check_tokens(text: str, strict_literals: bool) -> None:
    level = 0
    for token in _tokens(text):
        kind, start = token["type"], token["start"]
        if kind in _OPENING:
            level += 1
            if level > _DEEPEST:
                raise JmesPathError(_TOO_DEEP, start)
        elif kind in _CLOSING:
            level -= 1
        elif kind in ("literal", "quoted_identifier"):
            if text[start] == "`":
                _check_json(text, start, strict_literals)
            _check_value(token["value"], start)


def _tokens(text: str) -> Iterator[dict[str, Any]]:
    lexer = Lexer()
    try:
        yield from lexer.tokenize(text)
    except ValueError as error:
        if isinstance(error, exceptions.JMESPathError):
            raise
        # Python reads no whole number of thousands of digits.
        msg = "a number in the expression is too large"
        raise JmesPathError(msg, 0) from error


def _check_json(text: str, start: int, strict: bool) -> None:
    """Rejects literals that are no JSON: all of them, or those only Python takes."""
    found = _BACKTICKS.match(text, start)
    source = found[1].replace("\\`", "`") if found else ""

    def reject(constant: str) -> None:
        msg = f"{constant} is no JSON number"
        raise JmesPathError(msg, start)

    try:
        json.loads(source, parse_constant=reject)
    except JmesPathError:
        raise
    except ValueError as error:
        if strict:
            msg = "what stands in backticks must be JSON"
            hint = f"write '{source}', with quotes, for a text"
            raise JmesPathError(msg, start, hint) from error


def _check_value(value: Any, start: int) -> None:
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, str) and _SURROGATE.search(value):
            msg = "half of a surrogate pair is no character"
            raise JmesPathError(msg, start)
        if isinstance(value, float) and not math.isfinite(value):
            msg = "a number in the expression is too large"
            raise JmesPathError(msg, start)
        if isinstance(value, dict):
            pending += [*value, *value.values()]
        elif isinstance(value, list):
            pending += value
