"""What can go wrong: a mapping that cannot be launched, a message that cannot go on.

`MappingError` stops the launch and names every problem with file, line, column and
fix. `RecordError` and its children become dead letters; their names are the ones
that users of the Azure MedTech service know
(https://learn.microsoft.com/azure/healthcare-apis/iot/troubleshoot-errors-logs),
ours where that service has none. No message of any error holds a value of a device
message: payloads are health data and travel in the dead letter's payload only.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal, NamedTuple


class Problem(NamedTuple):
    """One finding in a mapping file, as a compiler would print it."""

    severity: Literal["error", "warning"]
    code: str
    """Stable name of the rule, e.g. `InvalidTemplateException`."""
    file: str
    line: int
    """1-based."""
    column: int
    """1-based."""
    message: str
    suggestion: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{where}: {self.severity}: {self.message} [{self.code}]{hint}"


class MappingError(Exception):
    """A mapping file that must not be launched; `problems` lists all findings."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RecordError(Exception):
    """A message, measurement or reading that cannot go on: it becomes a dead letter.

    Args:
        message: what is wrong, without any value taken from the message.
        suggestion: what the user can do about it.
        expression: text of the mapping expression that failed, if one did.
    """

    name: ClassVar[str]
    """The error name that users see."""
    outcome: str | None = None
    """What a FHIR server said of it: an OperationOutcome as JSON. It may quote the
    message, and goes where the payload goes: into the dead letter only."""

    def __init__(
        self, message: str, suggestion: str = "", expression: str = ""
    ) -> None:
        self.message = message
        self.suggestion = suggestion
        self.expression = expression
        super().__init__(message)

    def detached(self) -> "RecordError":
        """This error without its traceback and cause.

        They refer to frames, and the frames to the whole batch: an error that is kept
        would keep the batch in memory.
        """
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


class InvalidDataFormatError(RecordError):
    """The message is not a JSON document that can hold a reading."""

    name = "InvalidDataFormatException"


class MessageTooLargeError(RecordError):
    """The message is larger than this run accepts."""

    name = "MessageTooLarge"


class NoTemplateMatchedError(RecordError):
    """No template of the device mapping matches the message."""

    name = "NoTemplateMatched"


class IncompatibleDataError(RecordError):
    """A template matched, but a required value, time or id is missing or unusable."""

    name = "IncompatibleDataException"


class TemplateExpressionError(RecordError):
    """An expression found several values where exactly one is wanted."""

    name = "TemplateExpressionException"


class NormalizationDataMappingError(RecordError):
    """An expression failed on the data it met, e.g. a function on a wrong type."""

    name = "NormalizationDataMappingException"


class ResourceIdentityNotDefinedError(RecordError):
    """The measurement names no patient, and no assignment of its device does."""

    name = "ResourceIdentityNotDefinedException"


class PatientDeviceMismatchError(RecordError):
    """The measurement names one patient, its device belongs to another."""

    name = "PatientDeviceMismatchException"


class FhirResourceNotFoundError(RecordError):
    """A Device, Patient or Encounter is not on the FHIR server."""

    name = "FhirResourceNotFoundException"


class MultipleResourceFoundError(RecordError):
    """Several resources of the FHIR server answer to one identifier."""

    name = "MultipleResourceFoundException"


class FhirResourceRejectedError(RecordError):
    """The FHIR server refuses a resource for what it says."""

    name = "FhirResourceRejected"


class TemplateNotFoundError(RecordError):
    """The FHIR mapping has no template for the measurement's type."""

    name = "TemplateNotFoundException"


class InvalidQuantityFhirValueError(RecordError):
    """A value that must be a number is none."""

    name = "InvalidQuantityFhirValueException"


class FhirDataMappingError(RecordError):
    """A value cannot be put into the FHIR resource that the mapping asks for."""

    name = "FhirDataMappingException"


class CorrelationIdNotDefinedError(RecordError):
    """The FHIR mapping groups by correlation id, and the measurement has none."""

    name = "CorrelationIdNotDefinedException"


class ImplausibleTimestampError(RecordError):
    """A reading is older, or lies further ahead, than this run takes for possible."""

    name = "ImplausibleTimestamp"


class ImplausibleValueError(RecordError):
    """A number lies outside the range of its value, as if it had another unit."""

    name = "ImplausibleValue"


class TooMuchWorkError(RecordError):
    """Evaluating the mapping on the message would take unbounded time."""

    name = "TooMuchWork"
