"""The FHIR mapping: what Observation the values become.

`CollectionFhir` with `CodeValueFhir` templates, as the Azure MedTech service reads it
(https://learn.microsoft.com/azure/healthcare-apis/iot/how-to-use-fhir-mapping-iot-mappings).
A template whose Observations could not be valid is an error at load.
"""

import dataclasses
from functools import lru_cache
from typing import Any

from transforms.fhir_periods import (
    MEDTECHS,
    Difference,
    check_values,
    differences,
    period_minutes,
    read_interval,
)
from transforms.fhir_template import Component, FhirTemplate, FhirValue, Position
from transforms.fhir_value_reader import read_category, read_codings, read_value
from transforms.located_json import Node
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
from transforms.rules import USUAL, Rules

_KEYS = ("typeName", "periodInterval", "codes", "category", "value", "components")

Use = tuple[Position, str]
"""Where an extension of ours is used, and which."""


@dataclasses.dataclass(frozen=True)
class FhirMapping:
    """A compiled FHIR mapping; it travels to workers as its text.

    Args:
        text: the file.
        file: its name, for people.
        templates: by lower-case type name.
        rules: how the file was read where MedTech leaves a choice.
        extension_uses: what MedTech would not understand, and where.
        differences: where `--compat=medtech` gives another result, which, and whether
            more than the notation of times and ids differs.
    """

    text: str
    file: str
    templates: dict[str, FhirTemplate] = dataclasses.field(compare=False)
    rules: Rules = USUAL
    extension_uses: tuple[Use, ...] = dataclasses.field(default=(), compare=False)
    differences: tuple[Difference, ...] = dataclasses.field(default=(), compare=False)

    @classmethod
    def from_json(
        cls, text: str, file: str = "fhir.json", rules: Rules = USUAL
    ) -> "FhirMapping":
        """Compiles a FHIR mapping.

        Raises:
            MappingError: with every error of the file.
        """
        mapping, findings = load_fhir_mapping(text, file, rules)
        findings.raise_errors()
        return mapping

    def template(self, type_name: str) -> FhirTemplate | None:
        """The template of a type, whatever its case; None if there is none."""
        return self.templates.get(type_name.lower())

    @property
    def periods(self) -> dict[str, int]:
        """Minutes per Observation of each type; 0: an instant, -1: a correlation id."""
        return {
            name: template.period_minutes for name, template in self.templates.items()
        }

    def __reduce__(self) -> tuple[Any, tuple[str, str, Rules]]:
        return _revive, (self.text, self.file, self.rules)


@lru_cache(maxsize=8)
def _revive(text: str, file: str, rules: Rules) -> FhirMapping:
    return FhirMapping.from_json(text, file, rules)


def load_fhir_mapping(
    text: str, file: str, rules: Rules = USUAL
) -> tuple[FhirMapping, Findings]:
    """Compiles what can be compiled, and reports everything else.

    Returns:
        The mapping of the templates without error, and all findings.
    """
    findings = Findings(file)
    loader = _Loader(findings, rules)
    for container in read_collection(text, "CollectionFhir", findings):
        loader.load(container)
    found = loader.templates.values()
    mapping = FhirMapping(
        text,
        file,
        loader.templates,
        rules,
        tuple(loader.uses),
        tuple(difference for one in found for difference in differences(one)),
    )
    return mapping, findings


class _Loader:
    """Reads one container after the other."""

    def __init__(self, findings: Findings, rules: Rules) -> None:
        self.templates: dict[str, FhirTemplate] = {}
        self.uses: list[Use] = []
        self._names: set[str] = set()
        self._findings = findings
        self._rules = rules

    def load(self, container: Container) -> None:
        """Adds a template if it has no error."""
        given, place, node = container
        findings = self._findings
        if not is_type(given, "CodeValueFhir"):
            msg = f"Expected TemplateType value CodeValueFhirTemplate, actual {given}."
            findings.error(place, msg, close_to(given, ("CodeValueFhir",)))
            return
        before = len(findings.errors)
        fields = Fields(node, "CodeValueFhirTemplate", _KEYS, findings)
        type_name = self._type_name(fields)
        template = self._template(type_name or "", fields)
        self._note_uses(template, fields)
        if len(findings.errors) == before:
            self.templates[template.type_name.lower()] = template

    def _type_name(self, fields: Fields) -> str | None:
        name = fields.text("typeName", required=True)
        node = fields.get("typeName")
        if name is None or node is None:
            return None
        if not name.strip():
            msg = f"Empty type name is not allowed: '{name}'"
            self._findings.error(node, msg, "name the type as the device mapping does")
        elif name.lower() in self._names:
            msg = f"Duplicate template defined for type name: '{name}'"
            self._findings.error(node, msg, "remove or rename one of them")
        self._names.add(name.lower())
        return name

    def _template(self, type_name: str, fields: Fields) -> FhirTemplate:
        findings = self._findings
        codings = read_codings(fields.items("codes", required=True), findings)
        category = tuple(
            read_category(entry, findings) for entry in each(fields.items("category"))
        )
        value = self._value(fields.get("value"))
        components = self._components(fields)
        interval = read_interval(fields.get("periodInterval"), findings)
        values = [component.value for component in components]
        own = () if value is None else (value,)
        minutes = period_minutes(interval or 0, (*own, *values), self._rules)
        template = FhirTemplate(
            type_name=type_name,
            location=location(findings, fields.node),
            position=(fields.node.line, fields.node.column),
            period_interval=interval or 0,
            period_minutes=minutes,
            codings=codings,
            category=category,
            value=value,
            components=components,
        )
        if interval is not None:
            check_values(template, findings, self._rules)
        return template

    def _components(self, fields: Fields) -> tuple[Component, ...]:
        findings = self._findings
        components = []
        for node in each(fields.items("components")):
            entry = Fields(node, "CodeValueMapping", ("codes", "value"), findings)
            codings = read_codings(entry.items("codes", required=True), findings)
            value = self._value(entry.get("value", required=True))
            if value is not None:
                components.append(Component(codings, value))
        return tuple(components)

    def _value(self, node: Node | None) -> FhirValue | None:
        return None if node is None else read_value(node, self._findings, self._rules)

    def _note_uses(self, template: FhirTemplate, fields: Fields) -> None:
        member = fields.member("periodInterval")
        if member is not None and template.period_interval not in MEDTECHS:
            place = member.line, member.column
            self.uses.append((place, f"periodInterval {template.period_interval}"))
        for value in template.values:
            if getattr(value, "aggregate", None) is not None:
                self.uses.append((value.position, "the key aggregate"))
            if getattr(value, "valid_range", None) is not None:
                self.uses.append((value.position, "the key validRange"))
