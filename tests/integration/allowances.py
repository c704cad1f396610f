"""What is not valid and may be so: the place, how the message begins, and the reason.

Nothing else may be invalid, and an allowance that nothing needs any more fails the
tests.
"""

from fnmatch import fnmatchcase
from typing import NamedTuple

CATEGORY = (
    "Observation.category: minimum required = 1, but only found 0",
    "Slice 'Observation.category:VSCat': a matching slice is required",
)
NOT_QUANTITY = (
    "The Profile 'http://hl7.org/fhir/StructureDefinition/heartrate|4.0.1' definition"
    " allows for the type Quantity but found type",
    "This element does not match any known slice defined in the profile"
    " http://hl7.org/fhir/StructureDefinition/heartrate",
)
NO_UNIT = "Observation.value[x]:valueQuantity.unit: minimum required = 1"
NO_SYSTEM = "Observation.value[x]:valueQuantity.system: minimum required = 1"
NO_CODE = "Observation.value[x]:valueQuantity.code: minimum required = 1"
NO_VALUE = "Constraint failed: vs-2:"
PERIOD = "Constraint failed: vs-1:"
OF_QUANTITIES = "This element is not allowed by the profile"
OF_UNITS = "None of the codings provided are in the value set 'Vital Signs Units'"
UNKNOWN = "CodeSystem is unknown and can't be validated: "


class Allowance(NamedTuple):
    """Errors that are expected, and why."""

    reason: str
    sources: tuple[str, ...]
    """Where the resources come from; `*` stands for anything."""
    messages: tuple[str, ...]
    """How the messages begin."""
    mode: str = "*"


ALLOWED = [
    Allowance(
        "MedTech tells an instant by a period, and `--compat=medtech` does so to the"
        " letter; vs-1 of the vital signs wants a dateTime",
        ("*",),
        (PERIOD,),
        mode="medtech",
    ),
    Allowance(
        "the case is about something else and has a mapping without category, which"
        " is never made up",
        (
            "mappings/byte-order-mark",
            "mappings/components-and-value",
            "mappings/empty-arrays",
        ),
        CATEGORY,
    ),
    Allowance(
        "the case is about the spelling of keys; its category is a text, its unit too",
        ("mappings/fhir-spellings",),
        (CATEGORY[1], NO_SYSTEM, NO_CODE),
    ),
    Allowance(
        "the case shows that a category may have several codings: the profile wants"
        " its own alone in one",
        ("mappings/categories",),
        ("Value is 'wearable' but is fixed", "Value is 'http://example.org/fhir/"),
    ),
    Allowance(
        "the case shows that one name may be a number and a text: the profile wants"
        " numbers with a unit in all components",
        ("mappings/duplicate-values-in-fhir",),
        ("The value provided ('64') was not found in the value set 'Vital Signs",),
    ),
    Allowance(
        "the case shows all kinds of values side by side: the profile wants numbers"
        " with a unit in all components, and no value beside them",
        ("mappings/components-and-value",),
        (
            "The Profile 'http://hl7.org/fhir/StructureDefinition/bp|4.0.1' definition"
            " allows for the type Quantity but found type string",
            "This element does not match any known slice defined in the profile"
            " http://hl7.org/fhir/StructureDefinition/bp",
            "Error processing unit 'M'",
            "The value provided ('M') was not found in the value set 'Vital Signs",
            OF_UNITS,
            UNKNOWN,
        ),
    ),
    Allowance(
        "the table replaces the value of its example, a heart rate, by what shows a"
        " rule: a text, a concept, a bare number, nothing",
        ("templates/README.md: 11. `--compat=medtech`",),
        (*NOT_QUANTITY, OF_QUANTITIES, NO_UNIT, NO_SYSTEM, NO_CODE, NO_VALUE),
    ),
    Allowance(
        "the test is about R4 itself: it puts each kind of value under the code of the"
        " heart rate, without category",
        (
            "tests/test_validity.py::test_every_kind_of_template_makes_valid_observations",
        ),
        (
            *CATEGORY,
            *NOT_QUANTITY,
            NO_UNIT,
            NO_SYSTEM,
            NO_CODE,
            NO_VALUE,
            PERIOD,
            OF_QUANTITIES,
            OF_UNITS,
            UNKNOWN,
        ),
    ),
    Allowance(
        "the test is about R4 itself: its only vital sign is a number of samples",
        ("tests/test_r4.py::test_a_template_of_valid_observations_is_no_problem",),
        (*CATEGORY, NO_UNIT, NO_SYSTEM, NO_CODE),
    ),
    Allowance(
        "the tests are about the time of a vital sign, and their templates have no"
        " category",
        (
            "tests/test_observation.py::test_an_aggregate_stands_for_its_period",
            "tests/test_observation.py::"
            "test_an_aggregated_vital_sign_of_a_session_holds_at_its_start",
            "tests/test_observation.py::"
            "test_an_instant_is_told_at_its_offset_and_with_medtech_as_a_period",
        ),
        CATEGORY,
    ),
    Allowance(
        "the test makes what `--compat=medtech` does",
        (
            "tests/test_observation.py::"
            "test_an_instant_is_told_at_its_offset_and_with_medtech_as_a_period",
        ),
        (PERIOD,),
    ),
]

OPEN_IN_R4 = [
    Allowance(
        "a mapping whose Quantity has a code but no system starts, and makes what R4"
        " does not allow (qty-3)",
        ("tests/test_observation.py::*",),
        ("Constraint failed: qty-3:",),
    ),
    Allowance(
        "a SampledData may have ten million samples, and R4 allows no text of more"
        " than 1 MB",
        (
            "tests/test_validity.py::test_every_kind_of_template_makes_valid_observations",
        ),
        ("value is longer than permitted maximum length of 1 MB",),
    ),
]
"""What no FHIR server should take: mistakes that are not repaired yet."""

OPEN_IN_PROFILES = [
    Allowance(
        "so does one of a heart rate",
        ("tests/test_observation.py::*",),
        (NO_SYSTEM,),
    ),
    Allowance(
        "a vital sign without a value has no dataAbsentReason",
        ("mappings/blank-quantity",),
        (NO_VALUE,),
    ),
    Allowance(
        "a blood pressure of which one half was sent has no dataAbsentReason for the"
        " other",
        ("mappings/components-and-value",),
        (
            "Observation.component: minimum required = 2, but only found 1",
            "Slice 'Observation.component:SystolicBP': a matching slice is required",
        ),
    ),
    Allowance(
        "the first example of the reference, on which the others build, is a vital"
        " sign without category",
        ("templates/README.md: *", "README.md: *"),
        CATEGORY,
    ),
    Allowance(
        "an example of a heart rate has a unit, but neither system nor code",
        ("README.md: Extensions",),
        (NO_SYSTEM, NO_CODE),
    ),
    Allowance(
        "an example of a blood pressure has units, but neither system nor code, and a"
        " text beside its components",
        ("templates/README.md: 8.2 What an Observation holds",),
        (
            "The Profile 'http://hl7.org/fhir/StructureDefinition/bp|4.0.1' definition"
            " allows for the type Quantity but found type string",
            "This element does not match any known slice defined in the profile"
            " http://hl7.org/fhir/StructureDefinition/bp",
            "Observation.component:SystolicBP.value[x].system: minimum required = 1",
            "Observation.component:SystolicBP.value[x].code: minimum required = 1",
            "Observation.component:DiastolicBP.value[x].system: minimum required = 1",
            "Observation.component:DiastolicBP.value[x].code: minimum required = 1",
        ),
    ),
]
"""What is no vital sign, though it has the code of one: not repaired yet either."""

OPEN = OPEN_IN_R4 + OPEN_IN_PROFILES


class Issue(NamedTuple):
    """An error that a judge found."""

    source: str
    mode: str
    location: str
    message: str


def unexpected(issues, allowances):
    """The errors that no allowance expects, and what no error needed.

    Every place of an allowance must have shown every message of it.
    """
    unused = {
        (number, source, message)
        for number, one in enumerate(allowances)
        for source in one.sources
        for message in one.messages
    }
    left = []
    for issue in dict.fromkeys(issues):
        found = set(_expected(issue, allowances))
        unused -= found
        if not found:
            left.append(issue)
    return left, sorted(pair[1:] for pair in unused)


def _expected(issue, allowances):
    for number, one in enumerate(allowances):
        if not fnmatchcase(issue.mode, one.mode):
            continue
        for source in one.sources:
            for message in one.messages:
                if issue.message.startswith(message) and fnmatchcase(
                    issue.source, source
                ):
                    yield number, source, message
