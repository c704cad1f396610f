"""Readings of ours into an Observation that the Azure MedTech service made.

Where a FHIR server holds Observations that our store does not know (a migration in the
middle of an hour), an Observation is not made anew but merged with the one that is
there, by the rules of MedTech's `CodeValueFhirTemplateProcessor`
(https://github.com/microsoft/iomt-fhir), with these repairs:

* A SampledData is read with its own period, not with the template's, which may have
  changed since. Of two periods the finer one is kept: no sample is lost.
* A value or component that is not there yet is added.
* When a group by correlation id begins earlier than known, every grid is laid anew:
  our samples by their true times, the others by the start of their cell.
* Times are compared as instants and numbers by value, so that a server's other
  spelling is no change; `amended` is what changed in earnest.
* A vital sign that is written is told by its start, and what it lacks is said to be
  absent, as R4 wants both; neither alone is a reason to write.

Everything here is a pure function; nothing given is changed.
"""

import copy
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from transforms.errors import FhirDataMappingError
from transforms.fhir_template import FhirTemplate
from transforms.merge_grid import Grid, merged_grid, moved_grid
from transforms.merge_parts import (
    Resource,
    counterpart,
    element_of,
    service_code,
    tell_unsent,
    without_unsent,
)
from transforms.merge_span import Span, dated, period_of, retell, span_of, united
from transforms.observation_value import Reading, sample_token
from transforms.reading_group import one_per_instant
from transforms.rules import USUAL, Rules
from transforms.sampled_data import Samples
from transforms.vital_signs import is_dated, is_vital_sign


class Merged(NamedTuple):
    """An Observation after a merge."""

    observation: Resource
    changed: bool
    """Whether it must be written; if not, it is the existing one."""


def merge(
    existing: Resource,
    new: Resource,
    template: FhirTemplate,
    readings: Sequence[Reading] = (),
    *,
    rules: Rules = USUAL,
) -> Merged:
    """Merges the Observation that our readings make into the one on a server.

    Category, and every value and component that our readings have, become ours;
    SampledData is united, ours winning where both have a sample. The time is extended
    to hold both. All else stays: code, references, identifier, issued, meta, and what
    our readings do not have.

    Args:
        existing: the Observation on the server. Numbers may be `Decimal`, which keeps
            their digits.
        new: the Observation that `Mould.fill` makes of our readings, parsed alike; its
            id is that of `existing`.
        template: the FHIR template it was made by.
        readings: all readings it was made of, in time order: they know true times of
            samples, which a grid does not. Without them, cells stand for samples.
        rules: with `medtech` the result may be what R4 does not allow.

    Raises:
        FhirDataMappingError: the existing Observation holds another kind of value, a
            SampledData that cannot be united with ours, or no time.
    """
    told = span_of(new, None)
    known = span_of(existing, told)
    merger = _Merger(known, told, _samples(readings), rules)
    result = _recategorised(existing, new)
    own = None if template.value is None else template.value.value_name
    is_vital = not rules.medtech and is_vital_sign(template.codings)
    sent = {reading.value_name for reading in readings}
    ours = without_unsent(new, own, sent) if is_vital else new
    merger.merge_values(result, ours, own)
    by_start = not rules.medtech and is_dated(template, rules)
    span = merger.span
    effective = dated(span, new, told) if by_start else period_of(span)
    if span.start != known.start or (span != known and not by_start):
        retell(result, effective)
    if is_same(existing, result):
        return Merged(existing, False)
    if by_start and "effectiveDateTime" not in result:
        retell(result, effective)
    if is_vital:
        tell_unsent(result, new)
    result["status"] = "amended"
    return Merged(result, True)


def _recategorised(existing: Resource, new: Resource) -> Resource:
    """A copy of an Observation with the category of another."""
    result = copy.deepcopy(existing)
    result.pop("category", None)
    if "category" in new:
        result["category"] = copy.deepcopy(new["category"])
    return result


def _samples(readings: Sequence[Reading]) -> dict[str, Samples]:
    """Ticks and tokens by value name."""
    by_name: dict[str, list[Reading]] = {}
    for reading in readings:
        by_name.setdefault(reading.value_name or "", []).append(reading)
    return {
        name: sorted(
            (reading.ticks, sample_token(reading)) for reading in one_per_instant(found)
        )
        for name, found in by_name.items()
    }


class _Merger:
    """Merges values and components, given the times of both Observations."""

    def __init__(
        self, known: Span, told: Span, samples: dict[str, Samples], rules: Rules
    ) -> None:
        self.span = united(known, told)
        """What the merged Observation covers."""
        self._known = known
        self._told = told
        self._samples = samples
        self._medtech = rules.medtech

    def merge_values(self, result: Resource, new: Resource, own: str | None) -> None:
        """Merges the value, of this name, and the components."""
        self._merge_value(result, new, own)
        self._merge_components(result, new)

    def _merge_components(self, result: Resource, new: Resource) -> None:
        """Merges what is there already, and appends what is not."""
        components: list[Resource] = result.get("component", [])
        left = list(components)
        for part in new.get("component", ()):
            index = counterpart(left, part)
            if index is None:
                found = {"code": copy.deepcopy(part["code"])}
                components.append(found)
            else:
                found = left.pop(index)
            self._merge_value(found, part, service_code(part))
        for part in left:
            self._move(part)
        if components:
            result["component"] = components

    def _merge_value(self, holder: Resource, new: Resource, name: str | None) -> None:
        """Merges the value[x] or dataAbsentReason of an Observation or component."""
        element, found = element_of(new), element_of(holder)
        if element is None:
            self._move(holder)
            return
        if _differ_in_type(element, found):
            msg = f"The Observation on the server holds a {found}, ours a {element}"
            hint = "give the type another typeName, or remove the old Observation"
            raise FhirDataMappingError(msg, hint)
        if element == "valueSampledData":
            data = self._grid(holder.get(element), new[element], name)
        else:
            data = copy.deepcopy(new[element])
        if found is not None:
            del holder[found]
            holder.pop(f"_{found}", None)
        holder[element] = data

    def _grid(
        self, existing: Resource | None, new: Resource, name: str | None
    ) -> Resource:
        ours = Grid.of(new, self._told.start)
        samples = self._samples.get(name or "", ours.samples())
        known = None if existing is None else Grid.of(existing, self._known.start)
        return merged_grid(known, ours, samples, self.span, medtech=self._medtech)

    def _move(self, holder: Resource) -> None:
        """Lays a grid anew whose start is no longer that of the Observation."""
        if "valueSampledData" in holder and self.span.start != self._known.start:
            grid = Grid.of(holder["valueSampledData"], self._known.start)
            moved = moved_grid(grid, self.span, medtech=self._medtech)
            holder["valueSampledData"] = moved


def _differ_in_type(element: str, found: str | None) -> bool:
    return found not in (None, element, "dataAbsentReason") and (
        element != "dataAbsentReason"
    )


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON documents say the same; numbers are compared by value.

    >>> is_same({"a": 98.60}, {"a": Decimal("98.6")}), is_same(1, True)
    (True, False)
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            is_same(value, other[name]) for name, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if _is_number(one) and _is_number(other):
        return Decimal(str(one)) == Decimal(str(other))
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
