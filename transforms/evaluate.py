"""One match of one device template becomes a measurement.

The order of evaluation is MedTech's: device id, timestamp, correlation id, patient id,
encounter id, values. The first failure ends this match, and only this match.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from transforms.conversions import ConversionError
from transforms.errors import IncompatibleDataError, TooMuchWorkError
from transforms.evaluation import MISSING, EvaluationError
from transforms.expressions import Expression, as_record_error, is_true
from transforms.flags import flag_of
from transforms.model import DeviceMessage, Measurement
from transforms.occurrence import Moment, MomentError, ReadMoment
from transforms.template_kinds import MATCHED

MOST_MATCHES = 1_000_000
"""Matches of one template in one message."""

MOST_WORK = 2_000_000_000
"""Matches times bytes of the message, where each match looks through all of it."""


class ValueTemplate(NamedTuple):
    """One entry of a template's `values`."""

    name: str
    expression: Expression
    required: bool
    flag: Expression | None = None
    position: tuple[int, int] = (1, 1)
    """Line and column in the file."""


class DeviceTemplate(NamedTuple):
    """One compiled template of a device mapping."""

    type_name: str
    location: str
    """File and line."""
    match: Expression
    device: Expression
    timestamps: tuple[Expression, ...]
    """Tried in order: the first that gives a time counts."""
    end: Expression | None
    patient: Expression | None
    encounter: Expression | None
    correlation: Expression | None
    record: Expression | None
    values: tuple[ValueTemplate, ...]
    when: Expression | None
    """Condition on the whole message that goes before the match."""
    gates: tuple[bytes, ...]
    """Member names as they stand in the raw message; one missing: no match."""
    scope: Callable[[dict[str, Any], Any], Any]
    """From the envelope and what `find` found to what the expressions see."""
    find: Callable[[Any], list[Any]]
    """From the envelope to the matches."""
    whole: bool
    """Whether an expression may look through the whole message for each match."""
    read_moment: ReadMoment
    to_text: Callable[[Any], str | None]
    position: tuple[int, int] = (1, 1)
    """Line and column of the template in the file."""


def token_only(envelope: dict[str, Any], found: Any) -> Any:
    """A scope: the expressions see the matched token."""
    return found


def token_in_message(envelope: dict[str, Any], found: Any) -> Any:
    """A scope: the expressions see the envelope, with the matched token in it."""
    return {**envelope, MATCHED: found}


def located_token_in_message(envelope: dict[str, Any], found: Any) -> Any:
    """A scope: beside the matched token stands where it was found."""
    return {
        **envelope,
        MATCHED: found.token,
        "matchedPath": list(found.path),
        "matchedParents": list(found.parents),
    }


def matches(template: DeviceTemplate, message: DeviceMessage, size: int) -> list[Any]:
    """What a template matches in a message: `measure` takes each.

    Args:
        template: the template.
        message: the message.
        size: its length in bytes.

    Raises:
        NormalizationDataMappingError: a function fails on the data.
        TooMuchWorkError: the template would look through the message too often.
    """
    envelope = message.envelope
    try:
        if template.when is not None and not is_true(template.when.find(envelope)):
            return []
        found = template.find(envelope)
    except EvaluationError as error:
        raise as_record_error(error) from error
    count = len(found)
    if count > MOST_MATCHES or (template.whole and count * size > MOST_WORK):
        msg = "the template matches too often in so large a message"
        hint = (
            "match fewer tokens, begin the other expressions at $.matchedToken, or send"
            " smaller messages"
        )
        raise TooMuchWorkError(msg, hint, template.match.text)
    return found


def measure(
    template: DeviceTemplate, message: DeviceMessage, found: Any
) -> Measurement:
    """Evaluates a template on one match in a message.

    Raises:
        IncompatibleDataError: something required is missing, blank or unusable.
        TemplateExpressionError: an expression finds several tokens.
        NormalizationDataMappingError: a function fails on the data.
        TooMuchWorkError: an expression would take unbounded time.
    """
    document = template.scope(message.envelope, found)
    try:
        return _measure(template, message, document)
    except EvaluationError as error:
        raise as_record_error(error) from error


def _measure(
    template: DeviceTemplate, message: DeviceMessage, document: Any
) -> Measurement:
    device = _required_text(template, "DeviceIdExpression", template.device, document)
    occurred_at, offset, tick = _timestamp(template, document)
    ended_at = None if template.end is None else _end(template, document, occurred_at)
    correlation = template.correlation
    session = (
        None
        if correlation is None
        else _required_text(template, "CorrelationIdExpression", correlation, document)
    )
    patient = _optional_text(template, template.patient, document)
    encounter = _optional_text(template, template.encounter, document)
    values = []
    flags = []
    for name, expression, required, flag_expression, _position in template.values:
        if flag_expression is not None:
            flag = _flag(template, name, flag_expression, document)
            if flag is not None:
                flags.append((name, flag))
                required = False
        if required:
            text = _required_text(template, name, expression, document)
            values.append((name, text))
        else:
            optional = _optional_text(template, expression, document)
            if optional is not None:
                values.append((name, optional))
    record = _optional_text(template, template.record, document)
    return Measurement(
        template.type_name,
        occurred_at,
        ended_at,
        offset,
        message.ingested_at,
        device,
        patient,
        encounter,
        session,
        tuple(values),
        message.source,
        tick,
        record if record and not record.isspace() else None,
        tuple(flags),
    )


def _required_text(
    template: DeviceTemplate, name: str, expression: Expression, document: Any
) -> str:
    token = expression.select(document)
    if type(token) is str and token and not token.isspace():
        return token
    try:
        text = template.to_text(token)
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
    template: DeviceTemplate, expression: Expression | None, document: Any
) -> str | None:
    """The text, or None: what has no text counts as absent, as in MedTech."""
    if expression is None:
        return None
    token = expression.select(document)
    if type(token) is str:
        return token
    try:
        return template.to_text(token)
    except ConversionError:
        return None


def _unusable(name: str, found: str, expression: Expression) -> IncompatibleDataError:
    return IncompatibleDataError(
        f"Unable to extract required value for [{name}]: {found}",
        "correct the expression, or set the value's required to false, or have the"
        " device send it",
        expression.text,
    )


def _timestamp(template: DeviceTemplate, document: Any) -> Moment:
    failure: IncompatibleDataError | None = None
    for expression in template.timestamps:
        token = expression.select(document)
        if type(token) is not str and (token is MISSING or token is None):
            found = "nothing was found" if token is MISSING else "null was found"
            failure = failure or _unusable("TimestampExpression", found, expression)
            continue
        try:
            return template.read_moment(token)
        except MomentError as error:
            # What was found and cannot be read says more than what was not found.
            failure = _unreadable(error, expression)
    if failure is None:
        msg = "Unable to extract required value for [TimestampExpression]"
        failure = IncompatibleDataError(msg)
    raise failure


def _end(template: DeviceTemplate, document: Any, start: int) -> int | None:
    """The end of an interval, None for an instant."""
    expression = template.end
    token = MISSING if expression is None else expression.select(document)
    if expression is None or token is MISSING or token is None or token == "":
        return None
    try:
        end = template.read_moment(token).instant
    except MomentError as error:
        name = "EndTimeExpression"
        raise _unreadable(error, expression, name) from error
    if end < start:
        msg = "Unable to read [EndTimeExpression]: the end lies before the start"
        hint = "look at startTimeExpression and endTimeExpression: are they swapped?"
        raise IncompatibleDataError(msg, hint, expression.text)
    return end if end > start else None


def _unreadable(
    error: MomentError, expression: Expression, name: str = "TimestampExpression"
) -> IncompatibleDataError:
    msg = f"Unable to read [{name}]: {error.message}"
    return IncompatibleDataError(msg, error.suggestion, expression.text)


def _flag(
    template: DeviceTemplate, name: str, expression: Expression, document: Any
) -> str | None:
    token = expression.select(document)
    if token is MISSING or token is None or token is False:
        return None
    try:
        flag = flag_of(template.to_text(token) or "")
    except (ConversionError, ValueError) as error:
        msg = f"Unable to read the flag of [{name}]: it is neither comparator nor code"
        hint = (
            "give <, <=, >= or >, LOW or HIGH, or a code of FHIR's data-absent-reason,"
            " e.g. error; null and false are no flag"
        )
        raise IncompatibleDataError(msg, hint, expression.text) from error
    return flag or None
