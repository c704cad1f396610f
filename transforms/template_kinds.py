"""The kinds of device templates and their keys.

Names, spellings and fixed expressions are those of the Azure MedTech service
(https://learn.microsoft.com/azure/healthcare-apis/iot/overview-of-device-mapping).
"""

from typing import NamedTuple

KEYS = (
    "typeName",
    "typeMatchExpression",
    "deviceIdExpression",
    "timestampExpression",
    "patientIdExpression",
    "encounterIdExpression",
    "correlationIdExpression",
    "values",
)
VALUE_KEYS = ("valueName", "valueExpression", "required")

EXTENSION_KEYS = (
    "when",
    "startTimeExpression",
    "endTimeExpression",
    "identifierExpression",
    "zonelessTime",
)
"""Keys of ours beside MedTech's; a file without them is portable."""
VALUE_EXTENSION_KEYS = ("flagExpression",)

CONTEXT_NAMES = ("matchedPath", "matchedParents")
"""What our expressions see beside `matchedToken`."""

MATCHED = "matchedToken"


class Kind(NamedTuple):
    """One kind of template.

    In a calculated template expressions see the whole message and `matchedToken`, and
    may be JMESPath; in the others they are JSONPath and see the matched token only.
    """

    name: str
    class_name: str
    """As MedTech's messages name it."""
    value_class: str
    suffix: bool
    """Whether the spelling with `Template` at the end is accepted too."""
    calculated: bool
    device: str | None
    """Fixed device id expression."""
    timestamps: tuple[str, ...]
    """Fixed timestamp expressions, tried in order."""


KINDS = (
    Kind(
        "JsonPathContent",
        "JsonPathContentTemplate",
        "JsonPathValueExpression",
        True,
        False,
        None,
        (),
    ),
    Kind(
        "IotJsonPathContent",
        "IotJsonPathContentTemplate",
        "JsonPathValueExpression",
        True,
        False,
        "$.SystemProperties.iothub-connection-device-id",
        (
            "$.Properties.iothub-creation-time-utc",
            "$.SystemProperties.iothub-enqueuedtime",
        ),
    ),
    Kind(
        "IotCentralJsonPathContent",
        "IotCentralJsonPathContentTemplate",
        "JsonPathValueExpression",
        False,
        False,
        "$.deviceId",
        ("$.enqueuedTime",),
    ),
    Kind(
        "CalculatedContent",
        "CalculatedFunctionContentTemplate",
        "CalculatedFunctionValueExpression",
        False,
        True,
        None,
        (),
    ),
)
