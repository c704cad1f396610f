"""The FHIR mapping: what Observation the values become.

`CollectionFhir` with `CodeValueFhir` templates, as the Azure MedTech service reads it
(https://learn.microsoft.com/azure/healthcare-apis/iot/how-to-use-fhir-mapping-iot-mappings).
A template whose Observations could not be valid is an error at load.
"""

import dataclasses
from decimal import Decimal
from functools import lru_cache
from typing import Any

from transforms.conversions import json_number
from transforms.fhir_template import (
    Coding,
    Component,
    Concept,
    ConceptValue,
    FhirTemplate,
    FhirValue,
    QuantityValue,
    SampledDataValue,
    StringValue,
)
from transforms.located_json import Members, Node
from transforms.mapping_reader import (
    Container,
    Fields,
    Findings,
    close_to,
    each,
    is_type,
    location,
    read_collection,
)

_KEYS = ("typeName", "periodInterval", "codes", "category", "value", "components")
_CODING_KEYS = ("code", "system", "display")
_VALUE_KEYS = {
    "SampledData": ("valueName", "valueType", "defaultPeriod", "unit"),
    "Quantity": ("valueName", "valueType", "unit", "system", "code"),
    "String": ("valueName", "valueType"),
    "CodeableConcept": ("valueName", "valueType", "text", "codes"),
}
_VALUE_TYPES = {name.lower(): name for name in _VALUE_KEYS}
_MINUTES = (0, 1440, *(minutes for minutes in range(1, 61) if 60 % minutes == 0))
_PERIODS = {
    "single": 0,
    "hourly": 60,
    "daily": 1440,
    "correlationid": -1,
    **{str(minutes): minutes for minutes in (-1, *_MINUTES)},
}

_MOST_SAMPLES = 10_000_000
"""Cells of one SampledData; beyond, a single Observation would exhaust a worker."""


@dataclasses.dataclass(frozen=True)
class FhirMapping:
    """A compiled FHIR mapping; it travels to workers as its text.

    Args:
        text: the file.
        file: its name, for people.
        templates: by lower-case type name.
    """

    text: str
    file: str
    templates: dict[str, FhirTemplate] = dataclasses.field(compare=False)

    @classmethod
    def from_json(cls, text: str, file: str = "fhir.json") -> "FhirMapping":
        """Compiles a FHIR mapping.

        Raises:
            MappingError: with every error of the file.
        """
        mapping, findings = load_fhir_mapping(text, file)
        findings.raise_errors()
        return mapping

    def template(self, type_name: str) -> FhirTemplate | None:
        """The template of a type, whatever its case; None if there is none."""
        return self.templates.get(type_name.lower())

    @property
    def periods(self) -> dict[str, int]:
        """Minutes per Observation of each type; 0 for one per instant."""
        return {
            name: template.period_minutes for name, template in self.templates.items()
        }

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return _revive, (self.text, self.file)


@lru_cache(maxsize=8)
def _revive(text: str, file: str) -> FhirMapping:
    return FhirMapping.from_json(text, file)


def load_fhir_mapping(text: str, file: str) -> tuple[FhirMapping, Findings]:
    """Compiles what can be compiled, and reports everything else.

    Returns:
        The mapping of the templates without error, and all findings.
    """
    findings = Findings(file)
    templates: dict[str, FhirTemplate] = {}
    for container in read_collection(text, "CollectionFhir", findings):
        template = _template(container, findings)
        if template is None:
            continue
        key = template.type_name.lower()
        if key in templates:
            msg = f"Duplicate template defined for type name: '{template.type_name}'"
            findings.error(container.template, msg, "remove or rename one of them")
        else:
            templates[key] = template
    return FhirMapping(text, file, templates), findings


def _template(container: Container, findings: Findings) -> FhirTemplate | None:
    given, place, node = container
    if not is_type(given, "CodeValueFhir"):
        msg = f"Expected TemplateType value CodeValueFhirTemplate, actual {given}."
        findings.error(place, msg, close_to(given, ("CodeValueFhir",)))
        return None
    before = len(findings.errors)
    fields = Fields(node, "CodeValueFhirTemplate", _KEYS, findings)
    type_name = fields.name("typeName")
    codings = _codings(fields.items("codes", required=True), findings)
    category = tuple(
        _category(entry, findings) for entry in each(fields.items("category"))
    )
    value_node = fields.get("value")
    value = None if value_node is None else _value(value_node, findings)
    components = _components(fields, findings)
    period = _period(fields.get("periodInterval"), findings)
    if type_name is None or len(findings.errors) > before:
        return None
    template = FhirTemplate(
        type_name=type_name,
        location=location(findings, node),
        period_interval=period,
        codings=codings,
        category=category,
        value=value,
        components=components,
    )
    _check_values(template, node, findings)
    return template if len(findings.errors) == before else None


def _period(node: Node | None, findings: Findings) -> int:
    if node is None:
        return 0
    value = node.value
    minutes: int | None = None
    if isinstance(value, str):
        minutes = _PERIODS.get(value.strip().lower())
    elif isinstance(value, (int, float)) and value == int(value):
        minutes = None if isinstance(value, bool) else int(value)
    if minutes == -1:
        msg = "periodInterval -1 (by correlation id) is not supported by this version"
        findings.error(node, msg, "use 0, 60 or 1440")
        return 0
    if minutes not in _MINUTES:
        msg = "periodInterval must be 0, 60, 1440, or minutes that divide an hour"
        findings.error(node, msg, "0: one Observation per instant, 60: hour, 1440: day")
        return 0
    return minutes


def _codings(nodes: tuple[Node, ...], findings: Findings) -> tuple[Coding, ...]:
    codings = []
    for node in each(nodes):
        fields = Fields(node, "FhirCode", _CODING_KEYS, findings)
        codings.append(Coding(*(fields.text(key) for key in _CODING_KEYS)))
        if _is_empty(node, _CODING_KEYS):
            msg = "a code needs code, system or display: FHIR knows no empty objects"
            findings.error(node, msg, "remove it")
    return tuple(codings)


def _category(node: Node, findings: Findings) -> Concept:
    fields = Fields(node, "FhirCodeableConcept", ("text", "codes"), findings)
    if _is_empty(node, ("text", "codes")):
        msg = "a category needs text or codes: FHIR knows no empty objects"
        findings.error(node, msg, "remove it")
    return Concept(fields.text("text"), _codings(fields.items("codes"), findings))


def _is_empty(node: Node, keys: tuple[str, ...]) -> bool:
    """Whether an object holds nothing under any of the keys."""
    if not isinstance(node.value, Members):
        return False
    members = (node.value.get(key) for key in keys)
    return all(member is None or member.node.value in (None, ()) for member in members)


def _components(fields: Fields, findings: Findings) -> tuple[Component, ...]:
    components = []
    for node in each(fields.items("components")):
        entry = Fields(node, "CodeValueMapping", ("codes", "value"), findings)
        codings = _codings(entry.items("codes", required=True), findings)
        value_node = entry.get("value", required=True)
        value = None if value_node is None else _value(value_node, findings)
        if value is not None:
            components.append(Component(codings, value))
    return tuple(components)


def _value(node: Node, findings: Findings) -> FhirValue | None:
    if not isinstance(node.value, Members):
        findings.error(node, "FhirValueType must be an object")
        return None
    every = {key for keys in _VALUE_KEYS.values() for key in keys}
    kind = Fields(node, "FhirValueType", every, findings, unknown="warning").get(
        "valueType"
    )
    if kind is None:
        findings.error(node, "Property ValueType is missing.", 'add "valueType"')
        return None
    given = kind.value if isinstance(kind.value, str) else ""
    name = _VALUE_TYPES.get(given.lower())
    if name is None:
        hint = close_to(given, _VALUE_KEYS) or f"use {', '.join(_VALUE_KEYS)}"
        findings.error(kind, f"there is no valueType {given}".rstrip(), hint)
        return None
    # Keys of other value types are ignored, as MedTech does.
    fields = Fields(
        node, f"{name}FhirValueType", _VALUE_KEYS[name], findings, unknown="ignored"
    )
    value_name = fields.name("valueName")
    if value_name is None:
        return None
    if name == "Quantity":
        unit, system, code = (fields.text(key) for key in ("unit", "system", "code"))
        if code is not None and system is None:
            # https://hl7.org/fhir/R4/datatypes.html#Quantity, invariant qty-3
            msg = "a Quantity with a code needs the code's system"
            hint = 'add "system": "http://unitsofmeasure.org" if the code is UCUM'
            findings.warning(node, msg, hint)
        return QuantityValue(value_name, unit, system, code)
    if name == "SampledData":
        period = _sample_period(fields, node, findings)
        unit = fields.text("unit")
        return None if period is None else SampledDataValue(value_name, unit, period)
    if name == "String":
        return StringValue(value_name)
    return _concept_value(fields, value_name, node, findings)


def _concept_value(
    fields: Fields, value_name: str, node: Node, findings: Findings
) -> ConceptValue | None:
    codings = _codings(fields.items("codes"), findings)
    text = fields.text("text")
    if not codings:
        findings.error(node, "a CodeableConcept value needs codes", 'add "codes"')
        return None
    return ConceptValue(value_name, text, codings)


def _sample_period(fields: Fields, node: Node, findings: Findings) -> int | None:
    given = fields.get("defaultPeriod")
    if given is None:
        msg = "a SampledData value needs defaultPeriod, the milliseconds per sample"
        findings.error(node, msg, 'add "defaultPeriod"')
        return None
    number = json_number(str(given.value))
    if number is not None:
        microseconds = Decimal(number) * 1000
        if microseconds > 0 and microseconds == microseconds.to_integral_value():
            return int(microseconds)
    msg = "defaultPeriod must be a positive number of milliseconds, whole microseconds"
    findings.error(given, msg)
    return None


def _check_values(template: FhirTemplate, node: Node, findings: Findings) -> None:
    names = [value.value_name for value in template.values]
    for name in sorted({name for name in names if names.count(name) > 1}):
        findings.warning(node, f"the value [{name}] is used more than once")
    for value in template.values:
        if not isinstance(value, SampledDataValue):
            continue
        cells = template.period_interval * 60_000_000 // value.period
        if cells > _MOST_SAMPLES:
            msg = f"[{value.value_name}] would hold {cells} samples per Observation"
            hint = "raise defaultPeriod or lower periodInterval"
            findings.error(node, msg, hint)
    if template.period_minutes and any(
        isinstance(value, QuantityValue | StringValue) for value in template.values
    ):
        msg = (
            "SampledData beside other values: of several readings in a period the"
            " Quantity or String holds the last"
        )
        findings.warning(node, msg, "split it into two types")
