"""Reads the codes and values of a FHIR mapping's templates.

`valueType` says what a value becomes: SampledData, Quantity, String or CodeableConcept
(https://learn.microsoft.com/azure/healthcare-apis/iot/how-to-use-fhir-mapping-iot-mappings).
`aggregate` on a Quantity is ours, and `validRange` on what holds numbers.
"""

import dataclasses
from decimal import Decimal

from transforms.aggregate import AGGREGATES
from transforms.conversions import json_number
from transforms.fhir_template import (
    Coding,
    Concept,
    ConceptValue,
    FhirValue,
    QuantityValue,
    Range,
    SampledDataValue,
    StringValue,
)
from transforms.located_json import Members, Node
from transforms.mapping_reader import Fields, Findings, close_to, each
from transforms.rules import Rules

_CODING_KEYS = ("code", "system", "display")
_RANGE_KEYS = ("low", "high")
_VALUE_KEYS = {
    "SampledData": ("valueName", "valueType", "defaultPeriod", "unit", "validRange"),
    "Quantity": (
        "valueName",
        "valueType",
        "unit",
        "system",
        "code",
        "aggregate",
        "validRange",
    ),
    "String": ("valueName", "valueType"),
    "CodeableConcept": ("valueName", "valueType", "text", "codes"),
}
_EVERY_KEY = {key for keys in _VALUE_KEYS.values() for key in keys}
_NUMERIC = ("Quantity", "SampledData")
_VALUE_TYPES = {name.lower(): name for name in _VALUE_KEYS}


def read_codings(nodes: tuple[Node, ...], findings: Findings) -> tuple[Coding, ...]:
    """The entries of a `codes` array."""
    codings = []
    for node in each(nodes):
        fields = Fields(node, "FhirCode", _CODING_KEYS, findings)
        codings.append(Coding(*(fields.text(key) for key in _CODING_KEYS)))
        if _is_empty(node, _CODING_KEYS):
            msg = "a code needs code, system or display: FHIR knows no empty objects"
            findings.error(node, msg, "remove it")
    return tuple(codings)


def read_category(node: Node, findings: Findings) -> Concept:
    """An entry of `category`."""
    fields = Fields(node, "FhirCodeableConcept", ("text", "codes"), findings)
    if _is_empty(node, ("text", "codes")):
        msg = "a category needs text or codes: FHIR knows no empty objects"
        findings.error(node, msg, "remove it")
    return Concept(fields.text("text"), read_codings(fields.items("codes"), findings))


def _is_empty(node: Node, keys: tuple[str, ...]) -> bool:
    """Whether an object holds nothing under any of the keys."""
    if not isinstance(node.value, Members):
        return False
    members = (node.value.get(key) for key in keys)
    return all(member is None or member.node.value in (None, ()) for member in members)


def read_value(node: Node, findings: Findings, rules: Rules) -> FhirValue | None:
    """A `value` object; None if it has an error, which is then among the findings."""
    if not isinstance(node.value, Members):
        findings.error(node, "FhirValueType must be an object")
        return None
    before = len(findings.errors)
    kind = _value_type(node, findings)
    if kind is None:
        return None
    # Keys of other value types are ignored, as MedTech does.
    fields = Fields(
        node, f"{kind}FhirValueType", _VALUE_KEYS[kind], findings, unknown="ignored"
    )
    value_name = fields.name("valueName")
    aggregate = _aggregate(node, kind, findings)
    value = _of_kind(kind, value_name or "", aggregate, fields, findings)
    valid = _valid_range(node, kind, findings)
    if isinstance(value, (QuantityValue, SampledDataValue)):
        value = dataclasses.replace(value, valid_range=valid)
    if isinstance(value, QuantityValue) and value.lacks_system:
        _warn_of_code(value, findings, rules)
    return value if len(findings.errors) == before else None


def _value_type(node: Node, findings: Findings) -> str | None:
    fields = Fields(node, "FhirValueType", _EVERY_KEY, findings, unknown="warning")
    given = fields.get("valueType")
    if given is None:
        findings.error(node, "Property ValueType is missing.", 'add "valueType"')
        return None
    text = given.value if isinstance(given.value, str) else ""
    name = _VALUE_TYPES.get(text.lower())
    if name is None:
        hint = close_to(text, _VALUE_KEYS) or f"use {', '.join(_VALUE_KEYS)}"
        findings.error(given, f"there is no valueType {text}".rstrip(), hint)
    return name


def _of_kind(
    kind: str, name: str, aggregate: str | None, fields: Fields, findings: Findings
) -> FhirValue | None:
    position = fields.node.line, fields.node.column
    if kind == "Quantity":
        unit, system, code = (fields.text(key) for key in ("unit", "system", "code"))
        return QuantityValue(name, unit, system, code, aggregate, position)
    if kind == "SampledData":
        period = _sample_period(fields, findings)
        unit = fields.text("unit")
        if period is None:
            return None
        return SampledDataValue(name, unit, period, position)
    if kind == "String":
        return StringValue(name, position)
    codings = read_codings(fields.items("codes"), findings)
    if not codings:
        msg = "a CodeableConcept value needs codes"
        findings.error(fields.node, msg, 'add "codes"')
    return ConceptValue(name, fields.text("text"), codings, position)


def _warn_of_code(value: QuantityValue, findings: Findings, rules: Rules) -> None:
    msg = "a Quantity's code has no system: the code is left out of the Quantity"
    if value.unit is None:
        msg = f"{msg}, and its text is the unit"
    if rules.medtech:
        msg = "a Quantity's code has no system: the Quantity is no valid FHIR (qty-3)"
    hint = 'add "system": "http://unitsofmeasure.org" if the code is UCUM'
    findings.warning(value.position, msg, hint)


def _aggregate(node: Node, kind: str, findings: Findings) -> str | None:
    fields = Fields(node, kind, ("aggregate",), findings, unknown="ignored")
    given = fields.get("aggregate")
    name = fields.text("aggregate")
    if given is None or name is None:
        return None
    if kind != "Quantity":
        msg = f"a {kind} cannot be aggregated"
        findings.error(given, msg, 'remove "aggregate", or make the value a Quantity')
        return None
    known = name.strip().lower()
    if known not in AGGREGATES:
        hint = close_to(known, AGGREGATES) or f"use {', '.join(AGGREGATES)}"
        findings.error(given, f"there is no aggregate {name}".rstrip(), hint)
        return None
    return known


def _valid_range(node: Node, kind: str, findings: Findings) -> Range | None:
    outer = Fields(node, kind, ("validRange",), findings, unknown="ignored")
    given = outer.get("validRange")
    if given is None:
        return None
    if kind not in _NUMERIC:
        msg = f"a {kind} has no number that validRange could hold"
        hint = 'remove "validRange", or make the value a Quantity'
        findings.error(given, msg, hint)
        return None
    before = len(findings.errors)
    fields = Fields(given, "validRange", _RANGE_KEYS, findings)
    low, high = (_bound(key, fields, findings) for key in _RANGE_KEYS)
    if len(findings.errors) > before:
        return None
    if low is None and high is None:
        msg = "a validRange needs low or high"
        findings.error(given, msg, 'write it as {"low": 25, "high": 45}')
        return None
    if low is not None and high is not None and low > high:
        findings.error(given, "low of a validRange is above its high", "swap the two")
        return None
    return Range(low, high)


def _bound(key: str, fields: Fields, findings: Findings) -> Decimal | None:
    node = fields.get(key)
    if node is None:
        return None
    # As the shortest text that reads back to it, which is how it was written.
    is_number = type(node.value) in (int, float)
    number = json_number(str(node.value)) if is_number else None
    if number is None:
        findings.error(node, f"{key} of a validRange must be a number")
        return None
    return Decimal(number)


def _sample_period(fields: Fields, findings: Findings) -> int | None:
    given = fields.get("defaultPeriod")
    if given is None:
        msg = "a SampledData value needs defaultPeriod, the milliseconds per sample"
        findings.error(fields.node, msg, 'add "defaultPeriod"')
        return None
    number = json_number(str(given.value))
    if number is not None:
        microseconds = Decimal(number) * 1000
        if microseconds > 0 and microseconds == microseconds.to_integral_value():
            return int(microseconds)
    msg = "defaultPeriod must be a positive number of milliseconds, whole microseconds"
    findings.error(given, msg)
    return None
