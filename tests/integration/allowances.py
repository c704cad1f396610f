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
TABLE = "templates/README.md: 11. `--compat=medtech`"
UNKNOWN = "CodeSystem is unknown and can't be validated: "


class Allowance(NamedTuple):
    """Errors that are expected, and why."""

    reason: str
    sources: tuple[str, ...]
    """Where the resources come from; `*` stands for anything."""
    messages: tuple[str, ...]
    """How the messages begin."""
    mode: str = "*"


ALLOWED_IN_R4 = [
    Allowance(
        "`--compat=medtech` copies the code of a Quantity that has no system",
        ("mappings/quantity-code-without-system", TABLE),
        ("Constraint failed: qty-3:",),
        mode="medtech",
    ),
    Allowance(
        "`--compat=medtech` writes a SampledData however long it is",
        (TABLE,),
        ("value is longer than permitted maximum length of 1 MB",),
        mode="medtech",
    ),
]
"""What no FHIR server should take, and MedTech makes."""

ALLOWED = [
    *ALLOWED_IN_R4,
    Allowance(
        "MedTech tells an instant by a period, and `--compat=medtech` does so to the"
        " letter; vs-1 of the vital signs wants a dateTime",
        ("*",),
        (PERIOD,),
        mode="medtech",
    ),
    Allowance(
        "it leaves out what is missing, too: vs-2 wants a dataAbsentReason",
        (
            "mappings/blood-pressure-of-one-half",
            "mappings/vital-sign-without-value",
            TABLE,
        ),
        (NO_VALUE,),
        mode="medtech",
    ),
    Allowance(
        "so does the profile of blood pressure for each half",
        (
            "mappings/blood-pressure-of-one-half",
            "mappings/components-and-value",
            TABLE,
        ),
        (
            "Observation.component: minimum required = 2, but only found",
            "Slice 'Observation.component:",
        ),
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
        " rule: a text, a concept, a bare number",
        (TABLE,),
        (*NOT_QUANTITY, OF_QUANTITIES, NO_UNIT, NO_SYSTEM, NO_CODE),
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
        "the test makes what `--compat=medtech` does",
        (
            "tests/test_observation.py::"
            "test_an_instant_is_told_at_its_offset_and_with_medtech_as_a_period",
            "tests/test_unit_policy.py::test_medtechs_results_have_the_same_ranges",
        ),
        (PERIOD,),
    ),
]


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
