"""What the plain Observations of a type look like: constant text around few values.

Plain are Quantities of an instant and grids of a period, with every value of the
template read and no reading out of the ordinary (flag, encounter, fraction beyond the
microsecond, …): nine tenths of what devices send. What holds for one of them holds for
all, so that a batch of them is made column by column; see `plain_observations`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from transforms.fhir_template import FhirTemplate, QuantityValue, SampledDataValue
from transforms.instants import TICKS
from transforms.rules import Rules
from transforms.value_mould import ValueMould

_MOST_VALUES = 32
"""Values of one Observation that a set of 64 bits surely holds."""


class Shape(NamedTuple):
    """The text from behind `issued` to the end, without the values in it."""

    names: tuple[str, ...]
    """Of the values, as they follow each other in the resource."""
    minutes: int
    """Length of the period; 0 for an instant."""
    open: str
    """Before the first value."""
    between: tuple[str, ...]
    """Between one value and the next."""
    close: str
    """Behind the last value."""
    columns: tuple[tuple[str | None, str | None, str | None], ...]
    """For tables: system and code of the component and unit, of each value."""
    cells: tuple[int, ...]
    """Ticks per cell of each grid; empty for Quantities."""


def shape_of(
    template: FhirTemplate, rules: Rules, moulds: Sequence[ValueMould]
) -> Shape | None:
    """The shape of a type's plain Observations; None if the type has none.

    Args:
        template: the type's FHIR template.
        rules: how the file was read; instants of `medtech` are never plain.
        moulds: of the template's values, in its order.
    """
    names = tuple(mould.name for mould in moulds)
    is_simple = 0 < len(names) == len(set(names)) <= _MOST_VALUES
    if not is_simple or not _is_regular(template, rules):
        return None
    first, *between, close = _pieces(moulds)
    cells = tuple(
        value.period * TICKS
        for value in template.values
        if isinstance(value, SampledDataValue)
    )
    columns = tuple((*mould.code, mould.unit) for mould in moulds)
    minutes = template.period_minutes
    return Shape(names, minutes, first, tuple(between), close, columns, cells)


def _is_regular(template: FhirTemplate, rules: Rules) -> bool:
    if template.period_minutes > 0:
        return all(isinstance(value, SampledDataValue) for value in template.values)
    return (
        template.period_minutes == 0
        and not rules.medtech
        and not template.aggregates
        and all(isinstance(value, QuantityValue) for value in template.values)
    )


def _pieces(moulds: Sequence[ValueMould]) -> list[str]:
    """Constant text before, between and behind the values of a resource."""
    pieces = []
    text, has_components = "", False
    for mould in moulds:
        before, behind = mould.around or ("", "")
        if mould.is_component:
            text += "," if has_components else ',"component":['
            has_components = True
            pieces.append(f"{text}{mould.open}{before}")
            text = f"{behind}{mould.close}"
        else:
            pieces.append(f"{text},{before}")
            text = behind
    return [*pieces, f"{text}]}}" if has_components else f"{text}}}"]
