"""Reads one template of a device mapping, whatever its kind."""

from collections.abc import Callable
from typing import Any

from transforms.conversions import to_medtech_text, to_text
from transforms.evaluate import (
    DeviceTemplate,
    ValueTemplate,
    located_token_in_message,
    token_in_message,
    token_only,
)
from transforms.expression_reader import ExpressionReader, Remarks
from transforms.expressions import Expression
from transforms.gates import ENVELOPE, gates_of
from transforms.jsonpath import JsonPath, compile_path
from transforms.located_json import Node
from transforms.mapping_reader import UNREACHABLE, Fields, Findings, each, location
from transforms.occurrence import moment_reader
from transforms.rules import Rules, zone_of
from transforms.template_kinds import (
    CONTEXT_NAMES,
    EXTENSION_KEYS,
    KEYS,
    VALUE_EXTENSION_KEYS,
    VALUE_KEYS,
    Kind,
)
from transforms.zoneless import zoneless_policy


def read_template(
    kind: Kind, node: Node, rules: Rules, findings: Findings, remarks: Remarks
) -> DeviceTemplate | None:
    """Compiles one template.

    Args:
        kind: what the container says it is.
        node: the object under `template`.
        rules: how it is read.
        findings: where errors and warnings go.
        remarks: where extensions and differences go.

    Returns:
        The template, None if it has an error.
    """
    return _TemplateReader(kind, node, rules, findings, remarks).read()


class _TemplateReader:
    def __init__(
        self,
        kind: Kind,
        node: Node,
        rules: Rules,
        findings: Findings,
        remarks: Remarks,
    ) -> None:
        self._kind = kind
        self._node = node
        self._rules = rules
        self._findings = findings
        self._remarks = remarks
        language = ("defaultExpressionLanguage",) if kind.calculated else ()
        known = (*KEYS, *language, *EXTENSION_KEYS)
        self._fields = Fields(node, kind.class_name, known, findings)
        self._expressions = ExpressionReader(
            self._fields,
            findings,
            remarks,
            calculated=kind.calculated,
            medtech=rules.medtech,
        )

    def read(self) -> DeviceTemplate | None:
        findings, fields = self._findings, self._fields
        before = len(findings.errors)
        self._note_extensions(fields, EXTENSION_KEYS)
        type_name = fields.name("typeName")
        match = self._expression("typeMatchExpression", required=True, matches=True)
        device = self._device()
        timestamps = self._timestamps()
        end = self._expression("endTimeExpression")
        patient = self._expression("patientIdExpression")
        encounter = self._expression("encounterIdExpression")
        correlation = self._expression("correlationIdExpression")
        record = self._expression("identifierExpression")
        values = self._values()
        when = self._expression("when", matches=True)
        zone = zone_of(self._policy() or self._rules.zoneless_policy)
        if len(findings.errors) > before:
            return None
        # Without an error all required parts are there.
        if type_name is None or match is None or device is None:
            return None
        self._warn_of_match(match)
        located = self._uses_context(match)
        return DeviceTemplate(
            type_name,
            location(findings, self._node),
            match,
            device,
            timestamps,
            end,
            patient,
            encounter,
            correlation,
            record,
            values,
            when,
            gates_of(match.compiled, None if when is None else when.compiled),
            self._scope(located=located),
            _find(match, located=located),
            self._kind.calculated and self._is_whole(match),
            moment_reader(zone, medtech=self._rules.medtech),
            to_medtech_text if self._rules.medtech else to_text,
            (self._node.line, self._node.column),
        )

    def _expression(
        self, key: str, *, required: bool = False, matches: bool = False
    ) -> Expression | None:
        return self._expressions.read(
            self._fields, key, required=required, matches=matches
        )

    def _note_extensions(self, fields: Fields, keys: tuple[str, ...]) -> None:
        for key in keys:
            member = fields.member(key)
            if member is not None:
                place = member.line, member.column
                self._remarks.extensions.append((place, f"the key {key}"))

    def _device(self) -> Expression | None:
        fixed = self._kind.device
        if fixed is None:
            return self._expression("deviceIdExpression", required=True)
        self._warn_of_fixed("deviceIdExpression", fixed)
        return self._fixed(fixed)

    def _timestamps(self) -> tuple[Expression, ...]:
        start = self._expression("startTimeExpression")
        first = () if start is None else (start,)
        fixed = self._kind.timestamps
        if fixed:
            self._warn_of_fixed("timestampExpression", fixed[0])
            return (*first, *(self._fixed(text) for text in fixed))
        required = self._fields.member("startTimeExpression") is None
        if not required and self._fields.member("timestampExpression") is None:
            place = self._node.line, self._node.column
            use = "startTimeExpression instead of timestampExpression"
            self._remarks.extensions.append((place, use))
        own = self._expression("timestampExpression", required=required)
        return first if own is None else (*first, own)

    def _fixed(self, text: str) -> Expression:
        path = compile_path(text, medtech=self._rules.medtech)
        return Expression(path, location(self._findings, self._node))

    def _warn_of_fixed(self, key: str, fixed: str) -> None:
        member = self._fields.member(key)
        if member is not None:
            msg = f"'{key}' is ignored: {self._kind.name} always takes {fixed}"
            self._findings.warning(member, msg, "remove it, or use CalculatedContent")

    def _policy(self) -> str | None:
        node = self._fields.get("zonelessTime")
        return None if node is None else zoneless_policy(node, self._findings)

    def _values(self) -> tuple[ValueTemplate, ...]:
        if self._kind.calculated and self._fields.get("values") is None:
            place = self._node.line, self._node.column
            use = "a CalculatedContent without values (MedTech cannot load it)"
            self._remarks.extensions.append((place, use))
        values: list[ValueTemplate] = []
        for node in each(self._fields.items("values")):
            known = (*VALUE_KEYS, *VALUE_EXTENSION_KEYS)
            entry = Fields(node, self._kind.value_class, known, self._findings)
            value = self._value(node, entry)
            if value is None:
                continue
            if any(known.name == value.name for known in values):
                msg = (
                    f"the value [{value.name}] is defined twice: the first that is"
                    " found counts"
                )
                self._findings.warning(node, msg, "rename or remove one of them")
            values.append(value)
        return tuple(values)

    def _value(self, node: Node, entry: Fields) -> ValueTemplate | None:
        self._note_extensions(entry, VALUE_EXTENSION_KEYS)
        name = entry.name("valueName")
        required = entry.flag("required")
        reader = self._expressions
        # An optional value without an expression is skipped, but not an absent key.
        absent = entry.get("valueExpression") is None
        expression = reader.read(entry, "valueExpression", required=absent or required)
        flag = reader.read(entry, "flagExpression")
        if name is None or expression is None:
            return None
        position = node.line, node.column
        return ValueTemplate(name, expression, required, flag, position)

    def _warn_of_match(self, match: Expression) -> None:
        """Says where a match can never lead to a measurement."""
        path = match.compiled
        if not isinstance(path, JsonPath):
            return
        place = self._fields.member("typeMatchExpression") or self._node
        if path.never:
            msg = f"the template never fires: {path.never}"
            self._findings.warning(place, msg, "begin it with $..[?(", UNREACHABLE)
        elif self._kind.name == "IotJsonPathContent" and not path.names & ENVELOPE:
            msg = (
                "the match lies inside Body, from where the device id in"
                " SystemProperties cannot be reached"
            )
            hint = "match the whole message, e.g. $..[?(@Body.heartRate)]"
            self._findings.warning(place, msg, hint, UNREACHABLE)

    def _uses_context(self, match: Expression) -> bool:
        named: set[str] = set()
        for expression in self._expressions.read_all:
            named |= expression.compiled.names
        if not named & set(CONTEXT_NAMES) or not self._kind.calculated:
            return False
        if isinstance(match.compiled, JsonPath):
            return True
        place = self._fields.member("typeMatchExpression") or self._node
        msg = "matchedPath and matchedParents are there only after a JSONPath match"
        self._findings.warning(place, msg, "write typeMatchExpression as JSONPath")
        return False

    def _scope(self, *, located: bool) -> Callable[[dict[str, Any], Any], Any]:
        """What the expressions see."""
        if not self._kind.calculated:
            return token_only
        return located_token_in_message if located else token_in_message

    def _is_whole(self, match: Expression) -> bool:
        others = [e for e in self._expressions.read_all if e is not match]
        return any(expression.compiled.whole for expression in others)


def _find(match: Expression, *, located: bool) -> Callable[[Any], list[Any]]:
    if located and isinstance(match.compiled, JsonPath):
        return match.compiled.locate
    return match.find
