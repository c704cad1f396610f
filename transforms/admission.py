"""What a measurement must satisfy before it may become an Observation.

The whole measurement goes or stays: half a blood pressure would mislead.
"""

from typing import NamedTuple

from transforms.errors import (
    CorrelationIdNotDefinedError,
    ImplausibleValueError,
    TemplateNotFoundError,
)
from transforms.fhir_mapping import FhirMapping
from transforms.fhir_template import (
    CORRELATION,
    Coding,
    ConceptValue,
    FhirTemplate,
    FhirValue,
    QuantityValue,
)
from transforms.flags import IMPLAUSIBLE
from transforms.model import Measurement
from transforms.observation_value import is_absent, unit_of
from transforms.readings import ReadingKind
from transforms.rules import FLAG
from transforms.value_check import Check, check_of, compared
from transforms.value_range import in_range

Value = tuple[int, float | None, str | None, str | None]
"""Index of the kind, number, text and flag of one reading."""


_PRESENT = (ConceptValue, QuantityValue)
"""With `medtech` a blank text of these is present: a concept, or no number."""


_MOST_SEEN = 4096
"""Texts that are remembered of a kind."""

_LONGEST_SEEN = 24
"""Characters of a text that is remembered: numbers are short, notes do not repeat."""


class Admitted(NamedTuple):
    """A measurement's readings and where they belong in time."""

    values: list[Value]
    period_minutes: int
    """0 for an instant, -1 for what a correlation id ties together."""
    slot_minutes: int
    """60 or 1440; -1 for what a correlation id ties together."""


_new = tuple.__new__


class _Kind(NamedTuple):
    """What is known of a value before any reading of it comes."""

    number: int
    """Its index among the kinds."""
    check: Check
    values: tuple[FhirValue, ...]
    """What it becomes in FHIR; a name may be used more than once."""
    keeps_blank: bool
    """Whether a blank text is a value."""
    seen: dict[str, Value]
    """Values admitted without a flag, by their text: few numbers are new."""


class _Plan(NamedTuple):
    """What is known of a type before any measurement comes."""

    template: FhirTemplate
    period_minutes: int
    slot_minutes: int
    kinds: dict[str | None, _Kind]


class Admission:
    """Checks measurements against the FHIR mapping.

    Args:
        mapping: the compiled FHIR mapping; its rules decide how.
    """

    def __init__(self, mapping: FhirMapping) -> None:
        self._mapping = mapping
        self._medtech = mapping.rules.medtech
        self._flags_implausible = mapping.rules.units == FLAG
        self._plans: dict[str, _Plan] = {}
        self.kinds: list[ReadingKind] = []
        """The kinds of readings admitted so far; `Admitted.values` points here."""
        self.implausible = 0
        """Readings admitted without their number, because it is out of range."""

    def location(self, type_name: str) -> str | None:
        """File and line of the FHIR template of a type, if it has one."""
        template = self._mapping.template(type_name)
        return None if template is None else template.location

    def admit(self, measurement: Measurement) -> Admitted:
        """Checks a measurement and names its readings.

        A blank optional value counts as absent (with `medtech` it makes a
        CodeableConcept present, and is no number for a Quantity); of several values of
        one name the first counts. A flagged value may have no text. A measurement
        without any value is one reading without a value: the event itself.

        Raises:
            TemplateNotFoundError: the FHIR mapping does not know the type.
            CorrelationIdNotDefinedError: the type is grouped by correlation id, and
                the measurement has none.
            InvalidQuantityFhirValueError: a Quantity is no number.
            FhirDataMappingError: a value or flag does not fit its FHIR type.
            ImplausibleValueError: a number is out of range, and the rules do not say
                that it is flagged or passes.
        """
        plan = self._plans.get(measurement.type) or self._plan(measurement.type)
        if plan.slot_minutes == CORRELATION:
            _check_correlation(measurement)
        found = measurement.values
        if len(found) > 1 and len(dict(found)) < len(found):
            found = tuple(dict(reversed(found)).items())
        if measurement.flags:
            values = self._flagged(plan, measurement, dict(found))
        else:
            values = []
            kinds = plan.kinds
            try:
                for name, text in found:
                    known = kinds.get(name) or self._kind(plan, measurement.type, name)
                    value = known.seen.get(text) or _value(known, name, text)
                    if value is not None:
                        values.append(value)
            except ImplausibleValueError:
                # Once more, as if the device had flagged it: rare, so it may be slow.
                values = self._flagged(plan, measurement, dict(found))
        if not values:
            known = plan.kinds.get(None) or self._kind(plan, measurement.type, None)
            values.append((known.number, None, None, None))
        # Admitted(…) without the call of a Python function: for every measurement.
        return _new(Admitted, (values, plan.period_minutes, plan.slot_minutes))

    def _flagged(
        self, plan: _Plan, measurement: Measurement, texts: dict[str, str]
    ) -> list[Value]:
        flags = dict(reversed(measurement.flags))
        values: list[Value] = []
        implausible = 0
        named = (name for name, _flag in measurement.flags)
        for name in dict.fromkeys((*texts, *named)):
            text, flag = texts.get(name, ""), flags.get(name)
            known = plan.kinds.get(name) or self._kind(plan, measurement.type, name)
            sent = None if not text.strip() else text
            if flag is None and sent is None and not known.keeps_blank:
                continue
            number = None
            try:
                if flag is None:
                    number, sent = known.check(name, text), text
                elif not is_absent(flag):
                    number = compared(known.values, known.check, name, sent)
            except ImplausibleValueError:
                if not self._flags_implausible:
                    raise
                # No number without its unit: like others that are absent, it stands in
                # `value_text` as it was sent.
                implausible += 1
                flag = IMPLAUSIBLE
            values.append((known.number, number, sent, flag))
        self.implausible += implausible
        return values

    def _plan(self, type_name: str) -> _Plan:
        template = self._mapping.template(type_name)
        if template is None:
            msg = f"No FHIR template for type [{type_name}]"
            hint = f'add a CodeValueFhir template with "typeName": "{type_name}"'
            raise TemplateNotFoundError(msg, hint)
        minutes = template.period_minutes
        slot = CORRELATION if minutes == CORRELATION else 1440 if minutes > 60 else 60
        plan = self._plans[type_name] = _Plan(template, minutes, slot, {})
        return plan

    def _kind(self, plan: _Plan, type_name: str, name: str | None) -> _Kind:
        values = tuple(
            value for value in plan.template.values if value.value_name == name
        )
        codings = _codings(plan.template, name)
        first = codings[0] if codings else Coding(None, None, None)
        kind = ReadingKind(
            type_name,
            name,
            first.system,
            first.code,
            first.display,
            unit_of(values[0]) if values else None,
        )
        self.kinds.append(kind)
        known = plan.kinds[name] = _Kind(
            len(self.kinds) - 1,
            in_range(
                check_of(values, medtech=self._medtech),
                plan.template,
                name,
                self._mapping.rules,
            ),
            values,
            self._medtech and any(isinstance(one, _PRESENT) for one in values),
            {},
        )
        return known


def _value(kind: _Kind, name: str, text: str) -> Value | None:
    """A value without a flag; None if its text is blank and that is no value."""
    if not kind.keeps_blank and (not text or text.isspace()):
        return None
    value = kind.number, kind.check(name, text), text, None
    if len(text) <= _LONGEST_SEEN and len(kind.seen) < _MOST_SEEN:
        kind.seen[text] = value
    return value


def _check_correlation(measurement: Measurement) -> None:
    if measurement.correlation is None or not measurement.correlation.strip():
        msg = (
            f"Type [{measurement.type}] is grouped by correlation id, and the"
            " measurement has none"
        )
        hint = (
            "add correlationIdExpression to the device template and have the device"
            " send an id, or use another periodInterval"
        )
        raise CorrelationIdNotDefinedError(msg, hint)


def _codings(template: FhirTemplate, name: str | None) -> tuple[Coding, ...]:
    """Codes of the first value of a name; names are case-sensitive."""
    if name is None or (
        template.value is not None and template.value.value_name == name
    ):
        return template.codings
    for component in template.components:
        if component.value.value_name == name:
            return component.codings
    return ()
