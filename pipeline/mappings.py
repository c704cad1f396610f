"""Loads the two mapping files for a launch, and checks them together."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from transforms.device_mapping import DeviceMapping, load_device_mapping
from transforms.errors import MappingError, Problem
from transforms.fhir_mapping import FhirMapping, load_fhir_mapping
from transforms.r4 import invalid_templates


class Mappings(NamedTuple):
    """The compiled files; None where none was given."""

    device: DeviceMapping | None
    fhir: FhirMapping | None
    version: str
    """Hash of the two files: 16 hex digits."""
    problems: tuple[Problem, ...]
    """Every finding, errors and warnings, in the order of file and line."""

    def raise_errors(self) -> None:
        """Stops the launch if a file has an error.

        Raises:
            MappingError: with all errors of both files.
        """
        errors = [found for found in self.problems if found.severity == "error"]
        if errors:
            raise MappingError(errors)


def load_mappings(device: Path | None, fhir: Path | None) -> Mappings:
    """Compiles either or both mapping files.

    Raises:
        OSError: a file cannot be read.
    """
    problems: list[Problem] = []
    digest = hashlib.sha256()
    device_mapping = fhir_mapping = None
    if device is not None:
        text = _read(device, problems)
        digest.update(text.encode())
        device_mapping, findings = load_device_mapping(text, str(device))
        problems += findings.problems
    digest.update(b"\0")
    if fhir is not None:
        text = _read(fhir, problems)
        digest.update(text.encode())
        fhir_mapping, findings = load_fhir_mapping(text, str(fhir))
        problems += findings.problems
        problems += invalid_templates(fhir_mapping)
    if device_mapping is not None and fhir_mapping is not None:
        problems += _mismatches(device_mapping, fhir_mapping)
    files = [str(device), str(fhir)]
    problems.sort(key=lambda found: (files.index(found.file), found.line, found.column))
    version = digest.hexdigest()[:16]
    return Mappings(device_mapping, fhir_mapping, version, tuple(problems))


def _read(path: Path, problems: list[Problem]) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"the file is not UTF-8 (byte {error.start})"
        hint = "save it as UTF-8"
        problems.append(Problem("error", "InvalidJson", str(path), line, 1, msg, hint))
        return content.decode("utf-8", errors="replace")


def _mismatches(device: DeviceMapping, fhir: FhirMapping) -> list[Problem]:
    """What is produced but never mapped; lines are those of the device mapping."""
    found = []
    for template in device.templates:
        line = int(template.location.rpartition(":")[2])
        target = fhir.template(template.type_name)
        if target is None:
            msg = f"No matching FHIR template exists for type [{template.type_name}]"
            hint = "its measurements would become dead letters: add a CodeValueFhir"
            found.append(_warning(device.file, line, msg, hint))
            continue
        mapped = {value.value_name for value in target.values}
        for value in template.values:
            if value.name not in mapped:
                msg = (
                    f"The value [{value.name}] of type [{template.type_name}] is not"
                    " used by its FHIR template"
                )
                hint = "it is stored as a reading, but no Observation shows it"
                found.append(_warning(device.file, line, msg, hint))
    return found


def _warning(file: str, line: int, message: str, suggestion: str) -> Problem:
    code = "TemplateNotFoundException"
    return Problem("warning", code, file, line, 1, message, suggestion)
