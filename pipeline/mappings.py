"""Loads the two mapping files for a launch, and checks them together."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from transforms.code_checks import LOINC_CODE
from transforms.device_mapping import DeviceMapping, load_device_mapping
from transforms.errors import MappingError, Problem
from transforms.fhir_mapping import FhirMapping, load_fhir_mapping
from transforms.mapping_reader import UNREACHABLE, close_to
from transforms.r4 import invalid_templates
from transforms.rules import USUAL, Rules
from transforms.unit_checks import UNIT_OF_MEASURE
from transforms.value_checks import VITAL_SIGNS_PROFILE
from transforms.vital_sign_checks import check_observations

NOT_PORTABLE = "NotPortable"
DIFFERS = "DiffersInMedTech"

ABOUT_CODES = frozenset({LOINC_CODE, UNIT_OF_MEASURE, VITAL_SIGNS_PROFILE})
"""Findings about what Observations say to other programs: they change nothing here."""


class Mappings(NamedTuple):
    """The compiled files; None where none was given."""

    device: DeviceMapping | None
    fhir: FhirMapping | None
    rules: Rules
    version: str
    """Hash of the two files and the rules they are read by: 16 hex digits."""
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

    def all_problems(self, *, portable: bool, notation: bool) -> tuple[Problem, ...]:
        """The findings, and what concerns other programs than this one.

        Args:
            portable: what MedTech does not know is an error.
            notation: name also what only the notation of times and ids differs in.
        """
        found = [*self.problems, *_differences(self, notation=notation)]
        if portable:
            found += _extensions(self)
        return _in_order(found, self.device, self.fhir)

    @property
    def about_this_run(self) -> tuple[Problem, ...]:
        """The findings that say what a run does otherwise than may be meant."""
        return tuple(one for one in self.problems if one.code not in ABOUT_CODES)

    @property
    def notations(self) -> int:
        """How many types differ in notation only under `--compat=medtech`."""
        every = self.fhir.differences if self.fhir is not None else ()
        return sum(not changes for _place, _message, changes in every)


def load_mappings(
    device: Path | None, fhir: Path | None, rules: Rules = USUAL
) -> Mappings:
    """Compiles either or both mapping files.

    Raises:
        OSError: a file cannot be read.
    """
    problems: list[Problem] = []
    digest = hashlib.sha256(rules.tag.encode())
    device_mapping = fhir_mapping = None
    broken: set[str] = set()
    if device is not None:
        text = _read(device, problems)
        digest.update(text.encode())
        device_mapping, findings = load_device_mapping(text, str(device), rules)
        problems += findings.problems
        broken |= {found.file for found in findings.errors}
    digest.update(b"\0")
    if fhir is not None:
        text = _read(fhir, problems)
        digest.update(text.encode())
        fhir_mapping, findings = load_fhir_mapping(text, str(fhir), rules)
        check_observations(fhir_mapping, findings)
        problems += findings.problems
        problems += invalid_templates(fhir_mapping)
        broken |= {found.file for found in findings.errors}
    if device_mapping is not None and fhir_mapping is not None:
        # What a broken template would map or produce nobody knows.
        if fhir_mapping.file not in broken:
            problems += _unmapped(device_mapping, fhir_mapping)
        if device_mapping.file not in broken:
            problems += _unproduced(device_mapping, fhir_mapping)
    version = digest.hexdigest()[:16]
    ordered = _in_order(problems, device_mapping, fhir_mapping)
    return Mappings(device_mapping, fhir_mapping, rules, version, ordered)


def _in_order(
    problems: Iterable[Problem], device: DeviceMapping | None, fhir: FhirMapping | None
) -> tuple[Problem, ...]:
    files = [mapping.file for mapping in (device, fhir) if mapping is not None]

    def place(found: Problem) -> tuple[int, int, int]:
        return files.index(found.file), found.line, found.column

    return tuple(sorted(problems, key=place))


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


def _unmapped(device: DeviceMapping, fhir: FhirMapping) -> Iterator[Problem]:
    """What is produced but never mapped; places are those of the device mapping."""
    types = [template.type_name for template in fhir.templates.values()]
    for template in device.templates:
        target = fhir.template(template.type_name)
        if target is None:
            hint = (
                close_to(template.type_name, types)
                or "its measurements would become dead letters: add a CodeValueFhir"
            )
            msg = (
                "No matching Fhir Template exists for Device Mapping"
                f" [{template.type_name}]"
            )
            yield _warning(device.file, template.position, _NOT_FOUND, msg, hint)
            continue
        mapped = [value.value_name for value in target.values]
        for value in template.values:
            if value.name not in mapped:
                msg = (
                    f"The value [{value.name}] in Device Mapping [{template.type_name}]"
                    " is not represented within the Fhir Template"
                )
                hint = (
                    close_to(value.name, mapped)
                    or "it is stored as a reading, but no Observation shows it"
                )
                yield _warning(device.file, value.position, _NOT_FOUND, msg, hint)


_NOT_FOUND = "TemplateNotFoundException"


def _unproduced(device: DeviceMapping, fhir: FhirMapping) -> Iterator[Problem]:
    """What is mapped but never produced; places are those of the FHIR mapping."""
    produced: dict[str, set[str]] = {}
    for template in device.templates:
        names = produced.setdefault(template.type_name.lower(), set())
        names |= {value.name for value in template.values}
    types = [template.type_name for template in device.templates]
    for target in fhir.templates.values():
        known = produced.get(target.type_name.lower())
        if known is None:
            msg = f"no device template produces the type [{target.type_name}]"
            hint = close_to(target.type_name, types) or "remove it, or add a template"
            yield _warning(fhir.file, target.position, UNREACHABLE, msg, hint)
            continue
        for value in target.values:
            if value.value_name not in known:
                msg = (
                    f"no device template of type [{target.type_name}] produces the"
                    f" value [{value.value_name}]"
                )
                hint = close_to(value.value_name, known) or "value names match by case"
                yield _warning(fhir.file, value.position, UNREACHABLE, msg, hint)


def _warning(
    file: str, place: tuple[int, int], code: str, message: str, suggestion: str
) -> Problem:
    return Problem("warning", code, file, *place, message, suggestion)


def _differences(mappings: Mappings, *, notation: bool) -> Iterator[Problem]:
    hint = "--compat=medtech has it as MedTech does"
    if mappings.rules.medtech:
        hint = "without --compat=medtech it is as said first"
    if mappings.device is not None:
        for place, message in mappings.device.remarks.differences:
            yield _warning(mappings.device.file, place, DIFFERS, message, hint)
    if mappings.fhir is not None:
        for place, message, changes in mappings.fhir.differences:
            if changes or notation:
                yield _warning(mappings.fhir.file, place, DIFFERS, message, hint)


def _extensions(mappings: Mappings) -> Iterator[Problem]:
    uses: list[tuple[str, tuple[int, int], str]] = []
    if mappings.device is not None:
        file = mappings.device.file
        uses += [(file, at, what) for at, what in mappings.device.remarks.extensions]
    if mappings.fhir is not None:
        file = mappings.fhir.file
        uses += [(file, at, what) for at, what in mappings.fhir.extension_uses]
    for file, place, what in uses:
        msg = f"the Azure MedTech service does not know {what}"
        hint = "leave it out of files that must run there too"
        yield Problem("error", NOT_PORTABLE, file, *place, msg, hint)
