"""Reads and compiles the expressions of one device template.

Besides findings it collects what concerns other programs than this one: uses of our
extensions, and places where `--compat=medtech` gives another result.
"""

import dataclasses

from transforms.evaluation import Difference
from transforms.expressions import JMES_PATH, JSON_PATH, Expression
from transforms.jmespath_expression import JmesPath, JmesPathError
from transforms.jsonpath import JsonPath, compile_path
from transforms.jsonpath_syntax import JsonPathError
from transforms.located_json import Members, Node
from transforms.mapping_reader import (
    INVALID_EXPRESSION,
    Fields,
    Findings,
    close_to,
    location,
)
from transforms.template_kinds import CONTEXT_NAMES

_LANGUAGES = {
    "jsonpath": JSON_PATH,
    "jmespath": JMES_PATH,
    "0": JSON_PATH,
    "1": JMES_PATH,
}

_PROJECTION = (
    "a projection of one element: MedTech keeps the array and finds no value, here the"
    " element counts; end it with | [0]"
)


@dataclasses.dataclass
class Remarks:
    """What is right here and otherwise elsewhere."""

    extensions: list[tuple[tuple[int, int], str]] = dataclasses.field(
        default_factory=list
    )
    """Line and column, and what is used there that MedTech does not know."""
    differences: list[tuple[tuple[int, int], str]] = dataclasses.field(
        default_factory=list
    )
    """Line and column, and how the result differs under `--compat=medtech`."""


class ExpressionReader:
    """Reads the expressions of one template.

    Args:
        fields: the template's keys.
        findings: where errors go.
        remarks: where extensions and differences go.
        calculated: whether expressions may be JMESPath, and objects.
        medtech: whether they are compiled as MedTech evaluates them.
    """

    def __init__(
        self,
        fields: Fields,
        findings: Findings,
        remarks: Remarks,
        *,
        calculated: bool,
        medtech: bool,
    ) -> None:
        self._findings = findings
        self._remarks = remarks
        self._calculated = calculated
        self._medtech = medtech
        self.read_all: list[Expression] = []
        """Every expression read so far."""
        self._default = JSON_PATH
        if calculated:
            default = fields.get("defaultExpressionLanguage")
            self._default = self._language(default, JSON_PATH)

    def _language(self, node: Node | None, default: str) -> str:
        if node is None:
            return default
        language = _LANGUAGES.get(str(node.value).lower())
        if language is None:
            hint = close_to(str(node.value), (JSON_PATH, JMES_PATH))
            msg = "the language must be JsonPath or JmesPath"
            self._findings.error(node, msg, hint)
            return default
        return language

    def read(
        self,
        fields: Fields,
        key: str,
        *,
        required: bool = False,
        matches: bool = False,
    ) -> Expression | None:
        """The expression under a key: a string, or an object with value, language.

        Args:
            fields: the object that holds the key.
            key: its name.
            required: whether its absence is an error.
            matches: whether it may find several tokens.
        """
        node = fields.get(key, required=required)
        if node is None:
            return None
        found = self._text(node, key)
        if found is None:
            return None
        node, text, language = found
        if not text.strip():
            self._blank(node, key, required)
            return None
        return self._compile(node, text, language, matches)

    def _text(self, node: Node, key: str) -> tuple[Node, str, str] | None:
        language = self._default
        if isinstance(node.value, Members) and self._calculated:
            entry = Fields(
                node,
                "TemplateExpression",
                ("value", "language"),
                self._findings,
                unknown="warning",
            )
            language = self._language(entry.get("language"), self._default)
            inner = entry.get("value", required=True)
            if inner is None:
                return None
            node = inner
        if isinstance(node.value, str):
            return node, node.value, language
        kinds = "a string, or an object with value and language"
        if not self._calculated:
            kinds = "a string: only CalculatedContent takes objects"
        self._findings.error(node, f"'{key}' must be {kinds}")
        return None

    def _blank(self, node: Node, key: str, required: bool) -> None:
        # MedTech refuses blank expressions of CalculatedContent; of the other kinds it
        # takes an optional one for none, and fails every message for a required one.
        if required or self._calculated:
            self._findings.error(node, f"'{key}' must not be blank")
        else:
            msg = f"'{key}' is blank: it counts as absent"
            self._findings.warning(node, msg, "remove it")

    def _compile(
        self, node: Node, text: str, language: str, matches: bool
    ) -> Expression | None:
        try:
            compiled: JsonPath | JmesPath = (
                compile_path(text, medtech=self._medtech)
                if language == JSON_PATH
                else JmesPath(text, medtech=self._medtech)
            )
        except (JsonPathError, JmesPathError) as error:
            place = node.position_of(error.position)
            msg = f"{language}: {error.message}"
            self._findings.error(place, msg, error.suggestion, INVALID_EXPRESSION)
            return None
        self._remark(node, compiled, matches)
        expression = Expression(compiled, location(self._findings, node))
        self.read_all.append(expression)
        return expression

    def _remark(self, node: Node, compiled: JsonPath | JmesPath, matches: bool) -> None:
        differences = list(compiled.differences)
        uses = [
            (compiled.text.find(name), f"the context key {name}")
            for name in CONTEXT_NAMES
            if name in compiled.names
        ]
        if isinstance(compiled, JmesPath):
            uses += [(at, f"the function {name}") for name, at in compiled.extensions]
            if compiled.projects and not matches:
                differences.append(Difference(0, _PROJECTION))
        self._remarks.extensions += [
            (node.position_of(max(at, 0)), what) for at, what in uses
        ]
        self._remarks.differences += [
            (node.position_of(found.position), found.message) for found in differences
        ]
