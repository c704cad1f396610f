"""Readings as they are collected one by one, and the columns that they become.

A reading points to its measurement, which is taken apart for all readings at once.
"""

from collections.abc import Sequence
from typing import Any

from transforms.admission import Value
from transforms.model import Identity, Measurement
from transforms.readings import ReadingColumns

Collected = list[Measurement | Identity | str | Value]
"""Of each reading, one after the other: its measurement, whose it is, the id of its
Observation, its value. A tuple for each would take longer to make than to fill."""

PARTS = 4
"""Items of a reading."""


def columns_of(readings: Collected) -> ReadingColumns:
    """The columns of readings, at least one, in their order."""
    parts: list[Any] = [readings[part::PARTS] for part in range(PARTS)]
    measurements, identities, ids, values = parts
    sent: dict[str, Sequence[Any]] = dict(
        zip(Measurement._fields, zip(*measurements, strict=True), strict=True)
    )
    patient_ids, device_ids, encounters, patients = zip(*identities, strict=True)
    kinds, numbers, texts, flags = zip(*values, strict=True)
    named = zip(sent["patient"], patients, strict=True)
    return ReadingColumns(
        kind=kinds,
        observation_id=ids,
        patient_id=patient_ids,
        patient_identifier=[own or known for own, known in named],
        device_id=device_ids,
        device_identifier=sent["device"],
        encounter_id=encounters,
        correlation_id=sent["correlation"],
        record_id=sent["record"],
        occurred_at=sent["occurred_at"],
        occurred_tick=sent["tick"],
        ended_at=sent["ended_at"],
        utc_offset_minutes=sent["utc_offset_minutes"],
        value=numbers,
        value_text=texts,
        flag=flags,
        ingested_at=sent["ingested_at"],
        source=sent["source"],
    )
