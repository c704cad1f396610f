"""The device mapping: where in a message the values are.

`CollectionContent` with `CalculatedContent` templates, as the Azure MedTech service
reads it (https://learn.microsoft.com/azure/healthcare-apis/iot/how-to-use-calculatedcontent-templates).
Everything is compiled and checked at load; all findings are reported at once, with
line and column, those inside an expression at the character concerned.
"""

import dataclasses
from functools import lru_cache
from typing import Any

from transforms.evaluate import DeviceTemplate, ValueTemplate
from transforms.expressions import JMES_PATH, JSON_PATH, Expression
from transforms.jmespath_expression import JmesPath, JmesPathError
from transforms.jsonpath import JsonPath, compile_path
from transforms.jsonpath_syntax import JsonPathError
from transforms.located_json import Members, Node
from transforms.mapping_reader import (
    INVALID_EXPRESSION,
    Container,
    Fields,
    Findings,
    close_to,
    each,
    is_type,
    location,
    read_collection,
)

_CALCULATED = "CalculatedContent"
_OTHER_KINDS = ("JsonPathContent", "IotJsonPathContent", "IotCentralJsonPathContent")

_KEYS = (
    "typeName",
    "typeMatchExpression",
    "deviceIdExpression",
    "timestampExpression",
    "patientIdExpression",
    "encounterIdExpression",
    "correlationIdExpression",
    "values",
    "defaultExpressionLanguage",
)
_VALUE_KEYS = ("valueName", "valueExpression", "required")

_LANGUAGES = {
    "jsonpath": JSON_PATH,
    "jmespath": JMES_PATH,
    "0": JSON_PATH,
    "1": JMES_PATH,
}

_ENVELOPE = {"Body", "Properties", "SystemProperties"}


@dataclasses.dataclass(frozen=True)
class DeviceMapping:
    """A compiled device mapping; it travels to workers as its text.

    Args:
        text: the file.
        file: its name, for people.
        templates: in the order of the file.
    """

    text: str
    file: str
    templates: tuple[DeviceTemplate, ...] = dataclasses.field(compare=False)

    @classmethod
    def from_json(cls, text: str, file: str = "device.json") -> "DeviceMapping":
        """Compiles a device mapping.

        Raises:
            MappingError: with every error of the file.
        """
        mapping, findings = load_device_mapping(text, file)
        findings.raise_errors()
        return mapping

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return _revive, (self.text, self.file)


@lru_cache(maxsize=8)
def _revive(text: str, file: str) -> DeviceMapping:
    return DeviceMapping.from_json(text, file)


def load_device_mapping(text: str, file: str) -> tuple[DeviceMapping, Findings]:
    """Compiles what can be compiled, and reports everything else.

    Returns:
        The mapping of the templates without error, and all findings.
    """
    findings = Findings(file)
    templates = []
    for container in read_collection(text, "CollectionContent", findings):
        template = _template(container, findings)
        if template is not None:
            templates.append(template)
    return DeviceMapping(text, file, tuple(templates)), findings


def _template(container: Container, findings: Findings) -> DeviceTemplate | None:
    given, place, node = container
    if not is_type(given, _CALCULATED, suffix=False):
        _unknown_kind(given, place, findings)
        return None
    before = len(findings.errors)
    fields = Fields(node, "CalculatedContentTemplate", _KEYS, findings)
    expressions = _Expressions(fields, findings)
    type_name = fields.name("typeName")
    match = expressions.read(fields, "typeMatchExpression", required=True)
    device = expressions.read(fields, "deviceIdExpression", required=True)
    timestamp = expressions.read(fields, "timestampExpression", required=True)
    patient = expressions.read(fields, "patientIdExpression")
    encounter = expressions.read(fields, "encounterIdExpression")
    correlation = expressions.read(fields, "correlationIdExpression")
    values = _values(fields, expressions, findings)
    if len(findings.errors) > before:
        return None
    # Without an error all required parts are there.
    if type_name is None or match is None or device is None or timestamp is None:
        return None
    return DeviceTemplate(
        type_name,
        location(findings, node),
        match,
        device,
        timestamp,
        patient,
        encounter,
        correlation,
        values,
        _gates(match),
    )


def _unknown_kind(given: str, place: Node, findings: Findings) -> None:
    for kind in _OTHER_KINDS:
        if is_type(given, kind):
            findings.error(
                place,
                f"template type {kind} is not supported by this version",
                "write it as CalculatedContent: paths then begin at $.matchedToken",
            )
            return
    hint = close_to(given, (_CALCULATED, *_OTHER_KINDS))
    findings.error(place, f"No match found for template type {given}.", hint)


def _values(
    fields: Fields, expressions: "_Expressions", findings: Findings
) -> tuple[ValueTemplate, ...]:
    values: list[ValueTemplate] = []
    for node in each(fields.items("values")):
        entry = Fields(node, "CalculatedFunctionValueExpression", _VALUE_KEYS, findings)
        name = entry.name("valueName")
        expression = expressions.read(entry, "valueExpression", required=True)
        required = entry.flag("required")
        if name is None or expression is None:
            continue
        if any(value.name == name for value in values):
            msg = f"the value [{name}] is defined twice: the first that is found counts"
            findings.warning(node, msg, "rename or remove one of them")
        values.append(ValueTemplate(name, expression, required))
    return tuple(values)


class _Expressions:
    """Reads and compiles the expressions of one template."""

    def __init__(self, fields: Fields, findings: Findings) -> None:
        self._findings = findings
        self._default = self._language(
            fields.get("defaultExpressionLanguage"), JSON_PATH
        )

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
        self, fields: Fields, key: str, *, required: bool = False
    ) -> Expression | None:
        """The expression under a key: a string, or an object with value, language."""
        node = fields.get(key, required=required)
        if node is None:
            return None
        language = self._default
        if isinstance(node.value, Members):
            entry = Fields(
                node,
                "TemplateExpression",
                ("value", "language"),
                self._findings,
                unknown="warning",
            )
            language = self._language(entry.get("language"), self._default)
            node = entry.get("value", required=True)
            if node is None:
                return None
        if not isinstance(node.value, str):
            msg = f"'{key}' must be a string, or an object with value and language"
            self._findings.error(node, msg)
            return None
        if not node.value.strip():
            self._findings.error(node, f"'{key}' must not be blank")
            return None
        return self._compile(node, node.value, language)

    def _compile(self, node: Node, text: str, language: str) -> Expression | None:
        try:
            compiled: JsonPath | JmesPath = (
                compile_path(text) if language == JSON_PATH else JmesPath(text)
            )
        except (JsonPathError, JmesPathError) as error:
            place = node.position_of(error.position)
            msg = f"{language}: {error.message}"
            self._findings.error(place, msg, error.suggestion, INVALID_EXPRESSION)
            return None
        return Expression(compiled, location(self._findings, node))


def _gates(match: Expression) -> tuple[bytes, ...]:
    """What must stand in a raw message for the match to be possible.

    Member names as JSON writes them; names that JSON may write in several ways, and
    those of the envelope, which a bare payload lacks, are no gates.
    """
    if not isinstance(match.compiled, JsonPath):
        return ()
    names = match.compiled.required_names - _ENVELOPE
    plain = (
        name for name in names if name.isprintable() and not set(name) & set('"\\/')
    )
    return tuple(sorted(f'"{name}"'.encode() for name in plain))
