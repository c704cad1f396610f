"""Why a measurement or resource cannot go on with a FHIR server, for dead letters."""

from transforms import exact_json
from transforms.bundle import Outcome, issue_codes
from transforms.errors import (
    FhirResourceNotFoundError,
    FhirResourceRejectedError,
    InvalidDataFormatError,
    MultipleResourceFoundError,
    PatientDeviceMismatchError,
    RecordError,
    ResourceIdentityNotDefinedError,
)


def rejected(kind: str, outcome: Outcome) -> FhirResourceRejectedError:
    """Why a server refuses a resource, with all it says of it."""
    codes = issue_codes(outcome.issues)
    said = f"{outcome.status}: {codes}" if codes else str(outcome.status)
    error = FhirResourceRejectedError(
        f"the FHIR server refuses the {kind} ({said})",
        "its own words stand in outcome: mend the FHIR mapping or the server, then run"
        " the messages again",
    )
    if outcome.issues is not None:
        error.outcome = exact_json.dumps(outcome.issues).decode()
    return error


def ambiguous(kind: str) -> MultipleResourceFoundError:
    """Several resources have one identifier: which is meant nobody can tell."""
    return MultipleResourceFoundError(
        f"several resources of the FHIR server have the identifier of the {kind}",
        "remove the duplicates there; of Devices, --device_identifier_system tells"
        " apart those of different systems",
    )


def mismatch() -> PatientDeviceMismatchError:
    """A device belongs to one patient on the server and sends for another."""
    return PatientDeviceMismatchError(
        "the measurement names a patient to whom its Device on the FHIR server is not"
        " linked",
        "correct Device.patient there, or what the device sends, and run the messages"
        " again; if patientIdExpression finds no identifier of a Patient, leave it out;"
        " for devices that change hands there is --identity=assignments",
    )


def unsearchable(kind: str, outcome: Outcome) -> FhirResourceRejectedError:
    """The server will not look for an identifier: it is too long, or odd."""
    error = rejected(f"search for the identifier of the {kind}", outcome)
    error.suggestion = (
        "its own words stand in outcome: correct the identifier that the device sends,"
        " or the expression that finds it"
    )
    return error


def nothing_to_find_by() -> InvalidDataFormatError:
    """Where a server gives the ids, an Observation is found by its identifier."""
    return InvalidDataFormatError(
        "the Observation has no identifier to find it by",
        "write the folder again, or push it without --fhir_ids=server",
    )


def lost_device() -> RecordError:
    """A Device is looked for, and is not there."""
    return FhirResourceNotFoundError(
        "the Device of the measurement is not on the FHIR server",
        "register it there, linked to its patient, and run the messages again; or let"
        " --identity=create do it",
    )


def unlinked() -> RecordError:
    """A Device belongs to nobody, and nobody says to whom it should."""
    return FhirResourceNotFoundError(
        "the Device of the measurement is linked to no Patient on the FHIR server",
        "set Device.patient there, and run the messages again",
    )


def lost_encounter() -> RecordError:
    """An Encounter is named, and is not there."""
    return FhirResourceNotFoundError(
        "the Encounter that the measurement names is not on the FHIR server",
        "create it there and run the messages again, or leave encounterIdExpression out"
        " of the device template",
    )


def no_encounter() -> RecordError:
    """There must be an encounter, and none is named."""
    return ResourceIdentityNotDefinedError(
        "the measurement names no encounter",
        "add encounterIdExpression to the device template, or use --identity=lookup",
    )
