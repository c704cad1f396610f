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

Everything here is a pure function; nothing given is changed.
"""

import copy
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from transforms.effective import seven_digits
from transforms.errors import FhirDataMappingError
from transforms.fhir_template import FhirTemplate
from transforms.merge_grid import Grid, merged_grid, moved_grid
from transforms.merge_span import Span, span_of, united
from transforms.observation_value import Reading, sample_token
from transforms.reading_group import one_per_instant
from transforms.sampled_data import Samples
from transforms.value_mould import SERVICE

Resource = dict[str, Any]


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

    Raises:
        FhirDataMappingError: the existing Observation holds another kind of value, a
            SampledData that cannot be united with ours, or no time.
    """
    told = span_of(new, None)
    known = span_of(existing, told)
    span = united(known, told)
    merger = _Merger(known, told, span, _samples(readings))
    result = copy.deepcopy(existing)
    result.pop("category", None)
    if "category" in new:
        result["category"] = copy.deepcopy(new["category"])
    own = None if template.value is None else template.value.value_name
    merger.merge_value(result, new, own)
    merger.merge_components(result, new)
    if span != known:
        for name in [name for name in result if name.startswith("effective")]:
            del result[name]
        result["effectivePeriod"] = {
            "start": seven_digits(span.start),
            "end": seven_digits(span.last),
        }
    if is_same(existing, result):
        return Merged(existing, False)
    result["status"] = "amended"
    return Merged(result, True)


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
        self, known: Span, told: Span, span: Span, samples: dict[str, Samples]
    ) -> None:
        self._known = known
        self._told = told
        self._span = span
        self._samples = samples

    def merge_components(self, result: Resource, new: Resource) -> None:
        """Merges what has a component already, and appends what has none."""
        components: list[Resource] = result.get("component", [])
        left = list(components)
        for part in new.get("component", ()):
            name = _service_code(part)
            index = _counterpart(left, part, name)
            if index is None:
                found = {"code": copy.deepcopy(part["code"])}
                components.append(found)
            else:
                found = left.pop(index)
            self.merge_value(found, part, name)
        for part in left:
            self._move(part)
        if components:
            result["component"] = components

    def merge_value(self, holder: Resource, new: Resource, name: str | None) -> None:
        """Merges the value[x] or dataAbsentReason of an Observation or component."""
        element, found = _element(new), _element(holder)
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
        return merged_grid(known, ours, samples, self._span)

    def _move(self, holder: Resource) -> None:
        """Lays a grid anew whose start is no longer that of the Observation."""
        if "valueSampledData" in holder and self._span.start != self._known.start:
            grid = Grid.of(holder["valueSampledData"], self._known.start)
            holder["valueSampledData"] = moved_grid(grid, self._span)


def _element(holder: Resource) -> str | None:
    """The name of what stands for the value, a reason of its absence included."""
    for name in holder:
        if name.startswith("value") or name == "dataAbsentReason":
            return name
    return None


def _differ_in_type(element: str, found: str | None) -> bool:
    return found not in (None, element, "dataAbsentReason") and (
        element != "dataAbsentReason"
    )


def _service_code(component: Resource) -> str | None:
    for coding in component["code"].get("coding", ()):
        if coding.get("system") == SERVICE:
            return coding.get("code")
    return None


def _counterpart(
    components: Sequence[Resource], new: Resource, name: str | None
) -> int | None:
    """The component of the same code, else the one that MedTech takes for it.

    Several aggregates of one value share MedTech's coding and differ in their own.
    """
    same = (i for i, part in enumerate(components) if part["code"] == new["code"])
    served = (i for i, part in enumerate(components) if _service_code(part) == name)
    return next(iter((*same, *served)), None)


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
