"""One match of one device template becomes a measurement.

The order of evaluation is MedTech's: device id, timestamp, correlation id, patient id,
encounter id, values. The first failure ends this match, and only this match.
"""

from typing import Any, NamedTuple

from transforms.conversions import ConversionError, to_text
from transforms.errors import IncompatibleDataError
from transforms.expressions import Expression, as_record_error
from transforms.instants import InstantError, parse_instant
from transforms.jmespath_expression import EvaluationError
from transforms.jsonpath import MISSING, MultipleTokensError
from transforms.model import DeviceMessage, Measurement


class ValueTemplate(NamedTuple):
    """One entry of a template's `values`."""

    name: str
    expression: Expression
    required: bool


class DeviceTemplate(NamedTuple):
    """One compiled template of a device mapping."""

    type_name: str
    location: str
    """File and line."""
    match: Expression
    device: Expression
    timestamp: Expression
    patient: Expression | None
    encounter: Expression | None
    correlation: Expression | None
    values: tuple[ValueTemplate, ...]
    gates: tuple[bytes, ...]
    """Member names as they stand in the raw message; one missing: no match."""


def measure(
    template: DeviceTemplate, message: DeviceMessage, token: Any
) -> Measurement:
    """Evaluates a template on one matched token of a message.

    Raises:
        IncompatibleDataError: something required is missing, blank or unusable.
        TemplateExpressionError: an expression finds several tokens.
        NormalizationDataMappingError: a function fails on the data.
    """
    document = {**message.envelope, "matchedToken": token}
    try:
        return _measure(template, message, document)
    except (MultipleTokensError, EvaluationError) as error:
        raise as_record_error(error) from error


def matches(template: DeviceTemplate, message: DeviceMessage) -> list[Any]:
    """The tokens of a message that a template matches.

    Raises:
        NormalizationDataMappingError: a function fails on the data.
    """
    try:
        return template.match.find(message.envelope)
    except EvaluationError as error:
        raise as_record_error(error) from error


def _measure(
    template: DeviceTemplate, message: DeviceMessage, document: dict[str, Any]
) -> Measurement:
    device = _required_text("DeviceIdExpression", template.device, document)
    occurred_at, offset = _timestamp(template.timestamp, document)
    correlation = template.correlation
    session = (
        None
        if correlation is None
        else _required_text("CorrelationIdExpression", correlation, document)
    )
    patient = _optional_text(template.patient, document)
    encounter = _optional_text(template.encounter, document)
    values = []
    for name, expression, required in template.values:
        if required:
            values.append((name, _required_text(name, expression, document)))
        else:
            text = _optional_text(expression, document)
            if text is not None:
                values.append((name, text))
    return Measurement(
        template.type_name,
        occurred_at,
        None,
        offset,
        message.ingested_at,
        device,
        patient,
        encounter,
        session,
        tuple(values),
        message.source,
    )


def _required_text(name: str, expression: Expression, document: dict[str, Any]) -> str:
    token = expression.select(document)
    if type(token) is str and token and not token.isspace():
        return token
    try:
        text = to_text(token)
    except ConversionError as error:
        raise _unusable(name, str(error), expression) from error
    if text is not None and text.strip():
        return text
    if token is MISSING:
        found = "nothing was found"
    else:
        found = "null was found" if text is None else "only blanks were found"
    raise _unusable(name, found, expression)


def _optional_text(
    expression: Expression | None, document: dict[str, Any]
) -> str | None:
    """The text, or None: what has no text counts as absent, as in MedTech."""
    if expression is None:
        return None
    token = expression.select(document)
    if type(token) is str:
        return token
    try:
        return to_text(token)
    except ConversionError:
        return None


def _unusable(name: str, found: str, expression: Expression) -> IncompatibleDataError:
    return IncompatibleDataError(
        f"Unable to extract required value for [{name}]: {found}",
        "correct the expression, or set the value's required to false, or have the"
        " device send it",
        expression.text,
    )


def _timestamp(expression: Expression, document: dict[str, Any]) -> tuple[int, int]:
    token = expression.select(document)
    if type(token) is not str:
        return _no_timestamp(token, expression)
    try:
        instant, offset = parse_instant(token.strip())
    except InstantError as error:
        raise _unparsable(str(error), expression) from error
    if offset is None:
        msg = "Unable to read [TimestampExpression]: the time has no zone"
        hint = "have the device send an offset, e.g. 2026-10-04T07:12:31+02:00 or Z"
        raise IncompatibleDataError(msg, hint, expression.text)
    return instant, offset


def _no_timestamp(token: Any, expression: Expression) -> tuple[int, int]:
    if token is MISSING or token is None:
        found = "nothing was found" if token is MISSING else "null was found"
        name = "TimestampExpression"
        raise _unusable(name, found, expression)
    if type(token) in (int, float):
        msg = "Unable to read [TimestampExpression]: a number is no date-time"
        hint = "wrap it: fromUnixTimestamp(...) for seconds, fromUnixTimestampMs(...)"
        raise IncompatibleDataError(msg, hint, expression.text)
    found = "it is no text"
    raise _unparsable(found, expression)


def _unparsable(found: str, expression: Expression) -> IncompatibleDataError:
    return IncompatibleDataError(
        f"Unable to read [TimestampExpression]: {found}",
        "send ISO 8601 with an offset, e.g. 2026-10-04T07:12:31Z",
        expression.text,
    )
