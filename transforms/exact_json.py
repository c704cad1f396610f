"""JSON whose numbers keep their digits: 98.60 stays 98.60.

FHIR decimals have a precision that must not be lost
(https://hl7.org/fhir/R4/datatypes.html#decimal), and a server's resource that is read,
changed and written again must come back with every digit it had.
"""

import json
from decimal import Decimal
from typing import Any

import orjson


def loads(text: bytes) -> Any:
    """Parses a document; numbers with a fraction or exponent become `Decimal`.

    Raises:
        ValueError: it is no JSON.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(_name: str) -> None:
    msg = "NaN and Infinity are no JSON"
    raise ValueError(msg)


def dumps(document: Any) -> bytes:
    """Writes a document that `loads` read.

    >>> dumps(loads(b'{"value": 98.60, "low": 1E-7}'))
    b'{"value":98.60,"low":1E-7}'
    """
    return orjson.dumps(document, default=_digits)


def _digits(value: Any) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError
    return orjson.Fragment(str(value))
