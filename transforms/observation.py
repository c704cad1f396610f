"""An Observation is a pure function of its readings and its template.

What all Observations of a type share is rendered once, in a mould; per Observation only
ids, times and values are filled in. Structure and ids follow the Azure MedTech service,
so that what is on a server already is updated, not doubled.
R4: https://hl7.org/fhir/R4/observation.html
"""

import hashlib
from typing import Any, NamedTuple

import orjson

from transforms.effective import period_of, teller
from transforms.fhir_template import CORRELATION, FhirTemplate
from transforms.instants import TICKS, id_segment, iso_instant
from transforms.observation_rows import ValueRow
from transforms.observation_value import Reading, concept, to_json
from transforms.plain_shape import shape_of
from transforms.reading_group import (
    encounter_of,
    ingestion_of,
    latest_ingestion,
    records_of,
    statistics,
)
from transforms.rules import USUAL, Rules
from transforms.value_mould import (
    SERVICE,
    code_concept,
    first_code,
    value_moulds,
    without_values,
)

FINAL, PRELIMINARY, AMENDED = "final", "preliminary", "amended"
"""An instant is final. A period is preliminary until its slot is closed, then final,
and amended when it changes after that (https://hl7.org/fhir/R4/valueset-observation-status.html).
"""

MAPPING_VERSION = "https://vitalbeam.github.io/fhir/CodeSystem/mapping-version"
"""System of the tag that says which mapping made an Observation."""


class Series(NamedTuple):
    """JSON text that all Observations of a type, patient and device share."""

    identifier: str
    """From behind the id to the segment of the identifier that says when."""
    subject: str
    """From behind the status to before the encounter, if there is one."""


def identity_segment(
    occurred_at: int, period_minutes: int, correlation: str | None, medtech: bool
) -> str:
    """The part of MedTech's identifier that says when.

    Args:
        occurred_at: when any reading of the Observation occurred.
        period_minutes: length of the period; 0 for an instant, -1 for all that a
            correlation id ties together.
        correlation: the correlation id; used for -1 only.
        medtech: whether instants are cut to seconds, as MedTech does, and two readings
            of one second so become one Observation.

    >>> identity_segment(1546333200250000, 0, None, False)
    '20190101090000.250000Z.20190101090000.250000Z'
    >>> identity_segment(1546333200250000, 60, None, False)
    '20190101090000Z.20190101095959Z'
    """
    if not period_minutes:
        cut = occurred_at % 1_000_000 if medtech else 0
        segment = id_segment(occurred_at - cut)
        return f"{segment}.{segment}"
    if period_minutes == CORRELATION:
        return correlation or ""
    start, end = period_of(occurred_at, period_minutes)
    return f"{id_segment(start)}.{id_segment(end - 1_000_000)}"


def observation_identifier(
    patient_id: str, device_id: str, type_name: str, segment: str
) -> str:
    """MedTech's identifier of an Observation.

    >>> observation_identifier("p", "d", "hr", "20190101000000Z.20190101005959Z")
    'p.d.hr.20190101000000Z.20190101005959Z'
    """
    return f"{patient_id}.{device_id}.{type_name}.{segment}"


def observation_id(identifier: str) -> str:
    """The id of the Observation with an identifier: 64 hex digits."""
    return hashlib.sha256(f"{SERVICE}_{identifier}".encode()).hexdigest()


class Mould:
    """Everything the Observations of one type have in common, as JSON text to fill.

    Text, because joining constant pieces costs a fifth of serialising a document of
    which nine tenths are the same each time.

    Args:
        template: the type's FHIR template.
        type_name: the type as the device mapping spells it.
        mapping_version: hash of the two mapping files.
        rules: how the files are read where MedTech leaves a choice.
        encounters_found: whether encounters are known by the ids of their resources.
    """

    def __init__(
        self,
        template: FhirTemplate,
        type_name: str,
        mapping_version: str,
        rules: Rules = USUAL,
        *,
        encounters_found: bool = False,
    ) -> None:
        self._minutes, self._medtech = template.period_minutes, rules.medtech
        self._type = type_name
        self._escaped_type = _escaped(type_name)
        self._version = mapping_version
        self.code = first_code(template.codings)
        self._tell = teller(template, rules)
        self._values = value_moulds(template, rules)
        self.shape = shape_of(template, rules, self._values)
        """What its plain Observations look like; None: none is plain."""
        self._nothing = without_values(template, rules)
        self._encounters_found = encounters_found
        tag = {"system": MAPPING_VERSION, "code": mapping_version}
        self._to_identifier = (
            f'","meta":{to_json({"tag": [tag]})},'
            f'"identifier":[{{"system":{to_json(SERVICE)},"value":"'
        )
        category = [concept(entry.text, entry.codings) for entry in template.category]
        categories = f'"category":{to_json(category)},' if category else ""
        code = to_json(code_concept(template.codings, type_name))
        self._to_subject = (
            f'",{categories}"code":{code},"subject":{{"reference":"Patient/'
        )

    def fill(
        self, readings: list[Reading], status: str = FINAL
    ) -> tuple[bytes, list[ValueRow]]:
        """Makes the Observation of one complete group.

        Args:
            readings: all readings of one Observation, in time order; at least one.
            status: of the Observation.

        Returns:
            The resource as JSON, and its rows for the table.

        Raises:
            InvalidQuantityFhirValueError: `medtech` only: a Quantity has several
                readings in a period.
            FhirDataMappingError: `medtech` only: so has a String; or a SampledData
                would be longer than R4 allows (with `medtech`: than a worker can hold).
        """
        first = readings[0]
        effective, start, last = self._tell(readings)
        if len(readings) == 1:
            issued, encounter = ingestion_of(first), first.encounter_id
        else:
            issued, encounter = latest_ingestion(readings), encounter_of(readings)
        head = self._head(readings, effective, encounter, issued, status)
        values, rows = self._fill_values(readings, start, last)
        common = (
            first.observation_id,
            first.patient_id,
            first.device_id,
            encounter,
            self._type,
            *self.code,
        )
        times = (status, start // TICKS, last // TICKS)
        tail = (issued, self._version)
        # Adding tuples costs half of unpacking them.
        return f"{head}{values}}}".encode(), [
            ValueRow._make(common + codes + times + value + tail)
            for codes, value in rows
        ]

    def _head(
        self,
        readings: list[Reading],
        effective: str,
        encounter: str | None,
        issued: int,
        status: str,
    ) -> str:
        first = readings[0]
        identifier = self._identifier(first)
        # The sender's own ids: a period has no record of its own.
        records = "" if self._minutes else records_of(readings)
        visit = "" if encounter is None else self._visit(encounter)
        return (
            f'{{"resourceType":"Observation","id":"{first.observation_id}'
            f'{self._to_identifier}{identifier}"}}{records}],"status":"{status}'
            f"{self._subject(first.patient_id, first.device_id)}"
            f'{visit},{effective},"issued":"{iso_instant(issued)}"'
        )

    def _subject(self, patient_id: str, device_id: str) -> str:
        return (
            f'{self._to_subject}{patient_id}"}},'
            f'"device":{{"reference":"Device/{device_id}"}}'
        )

    def series(self, patient_id: str, device_id: str) -> Series:
        """What the Observations of one device of one patient have in common."""
        stem = observation_identifier(patient_id, device_id, self._escaped_type, "")
        return Series(
            f"{self._to_identifier}{stem}", self._subject(patient_id, device_id)
        )

    def identifier(self, reading: Reading) -> str:
        """MedTech's identifier of the Observation that a reading is part of."""
        return str(orjson.loads(f'"{self._identifier(reading)}"'))

    def _identifier(self, reading: Reading) -> str:
        """The same as it stands in JSON."""
        segment = identity_segment(
            reading.occurred_at, self._minutes, reading.correlation_id, self._medtech
        )
        if self._minutes == CORRELATION:
            segment = _escaped(segment)
        return observation_identifier(
            reading.patient_id, reading.device_id, self._escaped_type, segment
        )

    def _visit(self, encounter: str) -> str:
        if self._encounters_found:
            return f',"encounter":{{"reference":"Encounter/{encounter}"}}'
        # The FHIR id is known to a server only: a logical reference loses nothing.
        named = to_json(encounter)
        return f',"encounter":{{"type":"Encounter","identifier":{{"value":{named}}}}}'

    def _fill_values(
        self, readings: list[Reading], start: int, last: int
    ) -> tuple[str, list[tuple[Any, ...]]]:
        own = ""
        components: list[str] = []
        rows: list[tuple[Any, ...]] = []
        by_name: dict[str | None, list[Reading]] = {}
        for reading in readings:
            by_name.setdefault(reading.value_name, []).append(reading)
        for mould in self._values:
            used = by_name.get(mould.name)
            if used is None:
                # Without a row: the table holds what was sent.
                components += mould.missing(by_name)
                continue
            if len(used) > 1:
                used = mould.choose(used)
            json, number, text = mould.render(used, start, last)
            if mould.is_component:
                components.append(f"{mould.open}{json}{mould.close}")
            else:
                own = f",{json}"
            rows.append((mould.code, (number, text, mould.unit, *statistics(used))))
        if components:
            own += f',"component":[{",".join(components)}]'
        elif not own:
            own = self._nothing
        return own, rows or [_row_of_nothing(readings)]


def _row_of_nothing(readings: list[Reading]) -> tuple[Any, ...]:
    return (None, None), (None, None, None, *statistics(readings))


def _escaped(text: str) -> str:
    """A text as it stands between the quotes of a JSON text."""
    return to_json(text)[1:-1]
