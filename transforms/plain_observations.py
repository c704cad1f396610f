"""The many Observations of one reading of one number, column by column.

Most readings are plain: one number at an instant of the sender's wall clock, with
nothing to be said beside it. Their Observations differ in ids, times and the number,
and are written here from columns; `Mould.fill` writes all others, and would write the
same.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transforms import schema
from transforms.instants import id_segment, iso_instant
from transforms.observation_value import number_in_json

Places = npt.NDArray[np.int64]
"""Numbers of groups within their batch."""

_FINAL = "final"

_NEVER = ("encounter_id", "record_id", "ended_at", "flag")
"""What a plain reading has nothing of."""

_USED = (
    "observation_id",
    "patient_id",
    "device_id",
    "occurred_at",
    "utc_offset_minutes",
    "ingested_at",
    "value",
    "value_text",
)


class PlainMould(NamedTuple):
    """What the Observations of one plain type have in common."""

    type_name: str
    value_name: str | None
    to_identifier: str
    """JSON between the id and the identifier."""
    escaped_type: str
    to_subject: str
    """JSON between the identifier and the id of the patient."""
    after_number: str
    """JSON between the number and the end."""
    code_system: str | None
    code: str | None
    unit: str | None
    mapping_version: str


class Plain(NamedTuple):
    """Observations of one type."""

    places: Places
    """Which groups they are made of."""
    resources: list[bytes]
    rows: pa.Table
    """Columns of `schema.OBSERVATION`, one row each."""


def plain_observations(
    readings: pa.Table,
    starts: Sequence[int],
    statuses: Sequence[str],
    mould_of: Callable[[str], PlainMould | None],
) -> list[Plain]:
    """Makes the Observations of all plain groups.

    Args:
        readings: columns of `schema.MEASUREMENT`, one group after the other.
        starts: first row of each group.
        statuses: the status of each group's Observation; empty: all are final.
        mould_of: the mould of a type by its name; None if it is not plain.
    """
    first = np.asarray(starts, np.int64)
    is_plain = np.diff(first, append=readings.num_rows) == 1
    if statuses:
        is_plain &= np.asarray([status == _FINAL for status in statuses])
    is_plain &= _is_bare(readings)[first]
    types = readings["type"].combine_chunks().dictionary_encode()
    codes = types.indices.to_numpy()[first]
    found = []
    for code, name in enumerate(types.dictionary.to_pylist()):
        mould = mould_of(name)
        if mould is None:
            continue
        named = _is_named(readings, mould.value_name)
        places = np.flatnonzero(is_plain & (codes == code) & named[first])
        if len(places):
            part = readings.select(_USED).take(pa.array(first[places]))
            found.append(Plain(places, *_fill(mould, part)))
    return found


def _is_bare(readings: pa.Table) -> npt.NDArray[np.bool_]:
    """Which rows have none of what is told beside a number."""
    bare = readings["occurred_tick"].to_numpy() == 0
    if readings["utc_offset_minutes"].null_count:  # a civil date
        bare &= readings["utc_offset_minutes"].is_valid().to_numpy()
    for name in _NEVER:
        if readings[name].null_count < readings.num_rows:
            bare &= readings[name].is_null().to_numpy()
    return bare


def _is_named(readings: pa.Table, name: str | None) -> npt.NDArray[np.bool_]:
    column = readings["value_name"]
    if name is None:
        return column.is_null().to_numpy()
    return pc.equal(column, name).fill_null(False).to_numpy()


def _fill(mould: PlainMould, readings: pa.Table) -> tuple[list[bytes], pa.Table]:
    at = readings["occurred_at"]
    issued = pc.coalesce(readings["ingested_at"], at)
    # Integers: datetimes cost 20 times as much.
    instants, issues = (column.cast(pa.int64()).to_pylist() for column in (at, issued))
    observations, patients, devices, offsets, texts = (
        readings[name].to_pylist()
        for name in (
            "observation_id",
            "patient_id",
            "device_id",
            "utc_offset_minutes",
            "value_text",
        )
    )
    _, _, to_identifier, kind, to_subject, after_number, *_ = mould
    segments = list(map(id_segment, instants))
    resources = [
        f'{{"resourceType":"Observation","id":"{observation}{to_identifier}'
        f'{patient}.{device}.{kind}.{segment}.{segment}"}}{to_subject}{patient}"}},'
        f'"device":{{"reference":"Device/{device}"}},"effectiveDateTime":"{when}",'
        f'"issued":"{issue}","valueQuantity":{{"value":{number}{after_number}'.encode()
        for observation, patient, device, segment, when, issue, number in zip(
            observations,
            patients,
            devices,
            segments,
            map(iso_instant, instants, offsets),
            map(iso_instant, issues),
            map(number_in_json, texts),
            strict=True,
        )
    ]
    return resources, _rows(mould, readings, at, issued)


def _rows(
    mould: PlainMould, readings: pa.Table, at: pa.ChunkedArray, issued: pa.ChunkedArray
) -> pa.Table:
    value = readings["value"]
    told = {
        **{name: readings[name] for name in ("observation_id", "patient_id")},
        **{name: readings[name] for name in ("device_id", "value_text")},
        **dict.fromkeys(("effective_start", "effective_end"), at),
        **dict.fromkeys(("value", "min", "max", "mean"), value),
        "issued": issued,
    }
    constant = {
        "type": mould.type_name,
        "code_system": mould.code_system,
        "code": mould.code,
        "status": _FINAL,
        "unit": mould.unit,
        "reading_count": 1,
        "mapping_version": mould.mapping_version,
    }
    count = readings.num_rows
    columns = [
        told[field.name]
        if field.name in told
        else pa.repeat(pa.scalar(constant.get(field.name), field.type), count)
        for field in schema.OBSERVATION
    ]
    return pa.Table.from_arrays(columns, schema=schema.OBSERVATION)
