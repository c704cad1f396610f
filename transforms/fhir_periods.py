"""What `periodInterval` means for a template: how long a time one Observation covers.

As the Azure MedTech service's documentation has it, the interval governs SampledData,
and here aggregates; every other value is one Observation per instant
(https://learn.microsoft.com/azure/healthcare-apis/iot/overview-of-fhir-destination-mapping).
Its open-source code, and so `--compat=medtech`, applies the interval to every value and
fails on a second Quantity or String in a period.
"""

from collections.abc import Iterable, Iterator

from transforms.fhir_template import (
    CORRELATION,
    ConceptValue,
    FhirTemplate,
    FhirValue,
    Position,
    QuantityValue,
    SampledDataValue,
    StringValue,
)
from transforms.instants import MINUTE
from transforms.located_json import Node
from transforms.mapping_reader import Findings
from transforms.rules import MEDTECH, USUAL, Rules
from transforms.sampled_data import MOST_CELLS, MOST_CELLS_IN_R4, cells_of
from transforms.vital_signs import is_dated

MEDTECHS = (0, 60, 1440, CORRELATION)
"""The intervals that MedTech knows."""

_MINUTES = (0, 1440, *(minutes for minutes in range(1, 61) if 60 % minutes == 0))
_INTERVALS = {
    "single": 0,
    "hourly": 60,
    "daily": 1440,
    "correlationid": CORRELATION,
    **{str(minutes): minutes for minutes in (CORRELATION, *_MINUTES)},
}
_NAMES = {CORRELATION: "correlation id", 60: "hour", 1440: "day"}

Difference = tuple[Position, str, bool]
"""Where `--compat=medtech` gives another result, which, and whether more than the
notation of times and ids differs."""


def read_interval(node: Node | None, findings: Findings) -> int | None:
    """The minutes of a `periodInterval`: a number, its text, or MedTech's name.

    Returns:
        The minutes; None if it is none of these, which is then among the findings.
    """
    if node is None:
        return 0
    value = node.value
    minutes: int | None = None
    if isinstance(value, str):
        minutes = _INTERVALS.get(value.strip().lower())
    elif isinstance(value, (int, float)) and value == int(value):
        minutes = None if isinstance(value, bool) else int(value)
    if minutes not in (CORRELATION, *_MINUTES):
        msg = "periodInterval must be 0, 60, 1440, -1, or minutes that divide an hour"
        hint = "0: one Observation per instant, 60: hour, 1440: day, -1: correlation id"
        findings.error(node, msg, hint)
        return None
    return minutes


def period_minutes(interval: int, values: Iterable[FhirValue], rules: Rules) -> int:
    """How many minutes one Observation covers; 0: an instant, -1: a correlation id."""
    if rules.medtech or interval == CORRELATION:
        return interval
    return interval if any(map(_is_governed, values)) else 0


def _is_governed(value: FhirValue) -> bool:
    """Whether a value is made of all readings of a period."""
    if isinstance(value, QuantityValue):
        return value.aggregate is not None
    return isinstance(value, SampledDataValue)


def takes_one(value: FhirValue) -> bool:
    """Whether a value can hold no more than one reading."""
    single = isinstance(value, (QuantityValue, StringValue))
    return single and not _is_governed(value)


def _name(interval: int) -> str:
    return _NAMES.get(interval, f"{interval} minutes")


def check_values(template: FhirTemplate, findings: Findings, rules: Rules) -> None:
    """Reports values that do not fit the template's period, or each other."""
    known: set[tuple[str, str | None]] = set()
    for value in template.values:
        key = value.value_name, getattr(value, "aggregate", None)
        if key in known:
            msg = f"the value [{value.value_name}] is used more than once"
            findings.warning(value.position, msg)
        known.add(key)
        if isinstance(value, SampledDataValue):
            _check_cells(template, value, findings, rules)
        elif _is_governed(value) and not template.period_interval:
            msg = f"[{value.value_name}] is aggregated, and the template has no period"
            hint = 'add "periodInterval": 60 for an hour, 1440 for a day'
            findings.error(value.position, msg, hint)
        elif template.period_minutes and takes_one(value):
            _warn_of_several(template, value, findings, rules)


def _check_cells(
    template: FhirTemplate, value: SampledDataValue, findings: Findings, rules: Rules
) -> None:
    cells = cells_of(0, template.period_interval * MINUTE - 1, value.period)
    if cells > (MOST_CELLS if rules.medtech else MOST_CELLS_IN_R4):
        msg = f"[{value.value_name}] would hold {cells} samples per Observation"
        if not rules.medtech:
            msg = f"{msg}, and a text of FHIR holds {MOST_CELLS_IN_R4} at most"
        hint = "raise defaultPeriod or lower periodInterval"
        findings.error(value.position, msg, hint)
    if not template.period_interval:
        msg = f"SampledData of an instant: each [{value.value_name}] is one sample"
        hint = 'add "periodInterval": 60 for an Observation per hour'
        findings.warning(value.position, msg, hint)


def _warn_of_several(
    template: FhirTemplate, value: FhirValue, findings: Findings, rules: Rules
) -> None:
    period = _name(template.period_interval)
    msg = f"of several readings of [{value.value_name}] in one {period} the last counts"
    if rules.medtech:
        msg = f"several readings of [{value.value_name}] in one {period} are refused"
    hint = 'use "aggregate"' if isinstance(value, QuantityValue) else ""
    if template.period_interval != CORRELATION:
        hint = f"{hint}, or split it into a type of its own".removeprefix(", or ")
    findings.warning(value.position, msg, hint)


def differences(template: FhirTemplate) -> Iterator[Difference]:
    """Where `--compat=medtech` makes something else of a template, in both modes."""
    for value in template.values:
        if isinstance(value, QuantityValue) and value.lacks_system:
            yield value.position, _CODE, True
    yield from _of_period(template)


def _of_period(template: FhirTemplate) -> Iterator[Difference]:
    interval, values = template.period_interval, template.values
    if not interval:
        yield template.position, _NOTATION, False
        return
    if interval == CORRELATION and _is_dated_here_only(template):
        yield template.position, _SESSION, True
    period = _name(interval)
    if interval == CORRELATION or any(map(_is_governed, values)):
        for value in filter(takes_one, values):
            msg = (
                f"of several readings of [{value.value_name}] in one {period} the last"
                " counts: MedTech refuses them"
            )
            yield value.position, msg, True
        return
    for value in values:
        msg = (
            f"[{value.value_name}] is one Observation per instant: MedTech makes one"
            f" per {period}"
        )
        if not isinstance(value, ConceptValue):
            msg = f"{msg}, and refuses a second reading"
        yield value.position, msg, True
    if not values:
        msg = f"an event is one Observation per instant: MedTech makes one per {period}"
        yield template.position, msg, True


def _is_dated_here_only(template: FhirTemplate) -> bool:
    return is_dated(template, USUAL) and not is_dated(template, MEDTECH)


_CODE = (
    "a code without system is left out: MedTech writes it, and FHIR does not allow it"
)
_SESSION = (
    "a session under a vital-signs code is told by its start, an effectiveDateTime:"
    " MedTech writes an effectivePeriod"
)
_NOTATION = (
    "an instant is an effectiveDateTime, and its id has the fraction of a second:"
    " MedTech writes an effectivePeriod, and cuts ids to seconds"
)
