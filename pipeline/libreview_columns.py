"""The columns of LibreView's files, in the languages of its accounts.

All languages have the same columns in the same order, so in a whole header the place
tells. Of shorter ones (other programs write them) the names are known in some
languages. The unit of glucose stands in the name.
"""

import re

TEXTS = ("Device", "Serial Number", "Device Timestamp", "Record Type")
"""What is no glucose."""

_GLUCOSE = ("Historic Glucose", "Scan Glucose", "Strip Glucose")

_LAYOUT = dict(zip((*TEXTS, *_GLUCOSE), (0, 1, 2, 3, 4, 5, 14), strict=True))
"""Columns of a whole header, in any language."""

_KETONE = 15

_UNITS = {"mg/dl": "mg/dL", "mmol/l": "mmol/L"}

_WITH_UNIT = re.compile(r"(.*?)[\s(]*(mg/dl|mmol/l)\)?")

_NAMES = {
    "device": "Device",
    "meter": "Device",
    "gerät": "Device",
    "dispositivo": "Device",
    "appareil": "Device",
    "apparaat": "Device",
    "enhet": "Device",
    "serial number": "Serial Number",
    "seriennummer": "Serial Number",
    "número de serial": "Serial Number",
    "número de serie": "Serial Number",
    "numéro de série": "Serial Number",
    "serienummer": "Serial Number",
    "device timestamp": "Device Timestamp",
    "meter timestamp": "Device Timestamp",
    "time": "Device Timestamp",
    "gerätezeitstempel": "Device Timestamp",
    "sello de tiempo del dispositivo": "Device Timestamp",
    "marca de hora del dispositivo": "Device Timestamp",
    "horodatage de l'appareil": "Device Timestamp",
    "tijdstempel apparaat": "Device Timestamp",
    "enhetens tidsstämpel": "Device Timestamp",
    "record type": "Record Type",
    "aufzeichnungstyp": "Record Type",
    "tipo de registro": "Record Type",
    "type d'enregistrement": "Record Type",
    "gegevenstype": "Record Type",
    "registertyp": "Record Type",
    "historic glucose": "Historic Glucose",
    "glukosewert-verlauf": "Historic Glucose",
    "historial de glucosa": "Historic Glucose",
    "historique de la glycémie": "Historic Glucose",
    "historische glucose": "Historic Glucose",
    "historiskt glukosvärde": "Historic Glucose",
    "scan glucose": "Scan Glucose",
    "glukose-scan": "Scan Glucose",
    "escaneo de glucosa": "Scan Glucose",
    "escanear glucosa": "Scan Glucose",
    "numérisation de la glycémie": "Scan Glucose",
    "skanna glukosvärde": "Scan Glucose",
    "strip glucose": "Strip Glucose",
    "glukose-teststreifen": "Strip Glucose",
    "tira reactiva para glucosa": "Strip Glucose",
    "glukossticka": "Strip Glucose",
}
"""Columns of shorter headers, where the place does not tell."""


def columns_of(header: list[str]) -> dict[str, int] | None:
    """Where each column is, by its English name; None if it is no header."""
    cells = [_cell(text) for text in header]
    places = _LAYOUT if _is_whole(cells) else _named(cells)
    if "Device Timestamp" not in places:
        return None
    found = {name: place for name, place in places.items() if name in TEXTS}
    glucose = {
        f"{name} {cells[place][1]}": place
        for name, place in places.items()
        if name not in TEXTS and cells[place][1]
    }
    return found | glucose if glucose else None


def _is_whole(cells: list[tuple[str, str]]) -> bool:
    """Whether units stand where they stand in every language."""
    places = (*(_LAYOUT[name] for name in _GLUCOSE), _KETONE)
    return len(cells) > _KETONE and all(cells[place][1] for place in places)


def _named(cells: list[tuple[str, str]]) -> dict[str, int]:
    return {
        _NAMES[name]: place
        for place, (name, _unit) in enumerate(cells)
        if name in _NAMES
    }


def _cell(text: str) -> tuple[str, str]:
    """Name and unit of a column, the unit empty if it has none."""
    name = " ".join(text.replace("’", "'").split()).casefold()
    found = _WITH_UNIT.fullmatch(name)
    return (found[1].strip(), _UNITS[found[2]]) if found else (name, "")
