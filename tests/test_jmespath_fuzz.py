"""Whatever the expression and the document: an answer, or an error of ours."""

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from transforms.date_token import with_dates
from transforms.evaluation import EvaluationError
from transforms.functions import MappingFunctions
from transforms.jmespath_expression import JmesPath, JmesPathError

NAMES = ("a", "b", '"c d"', "Body", "matchedToken")
STANDARD = {
    "abs": "n",
    "avg": "l",
    "ceil": "n",
    "contains": "ax",
    "ends_with": "ss",
    "floor": "n",
    "join": "sl",
    "keys": "o",
    "length": "x",
    "map": "&l",
    "max": "l",
    "max_by": "l&",
    "merge": "oo",
    "min": "l",
    "min_by": "l&",
    "not_null": "xx",
    "reverse": "x",
    "sort": "l",
    "sort_by": "l&",
    "starts_with": "ss",
    "sum": "l",
    "to_array": "x",
    "to_number": "x",
    "to_string": "x",
    "type": "x",
    "values": "o",
}
OURS = {
    "add": "nn",
    "subtract": "nn",
    "multiply": "nn",
    "divide": "nn",
    "pow": "nn",
    "insertString": "ssn",
    "fromUnixTimestamp": "n",
    "fromUnixTimestampMs": "n",
    "toUtc": "xz",
    "toZone": "sz",
    "parseDateTime": "sfz",
    "dateFromParts": "nnn",
    "addDuration": "snu",
    "scale10": "nn",
}

_TEXTS = (
    *("", "a", "ab", "7", "-1.5e3", "é😀", "2026-03-29T02:30:00", "10/4/2026 7:12 AM"),
    *("2026-10-04T07:12:31.1234567Z", "2019-02-01T22:46:01+05:30", "+0200"),
)
_NUMBERS = (0, 1, -1, 2, 3, 2**31, 2**63 - 1, -(2**63), 0.5, 1.0, -0.0, 1e300, 1e-320)


def literals():
    numbers = st.sampled_from(_NUMBERS).map(lambda number: f"`{number!r}`")
    texts = st.sampled_from(_TEXTS).map(lambda text: f"'{text}'")
    others = st.sampled_from(["`null`", "`true`", "`[]`", "`{}`", '`[1, "x", null]`'])
    return numbers | texts | others


def calls(below, functions):
    kinds = {
        "z": st.sampled_from(["'+02:00'", "'Europe/Berlin'", "`7200`", "a"]),
        "f": st.sampled_from(["'%Y-%m-%dT%H:%M:%S'", "'M/d/yyyy h:mm tt'", "a"]),
        "u": st.sampled_from(["'h'", "'weeks'", "`1` == `1` && 'd'", "b"]),
        "&": below.map(lambda text: f"&{text}"),
        "n": below | st.sampled_from([f"`{number!r}`" for number in _NUMBERS]),
        "s": below | st.sampled_from([f"'{text}'" for text in _TEXTS]),
    }
    return st.sampled_from(sorted(functions)).flatmap(
        lambda name: st.tuples(*(kinds.get(k, below) for k in functions[name])).map(
            lambda given: f"{name}({', '.join(given)})"
        )
    )


def expressions(functions):
    """Texts of the grammar; a few of them are errors at load nevertheless."""

    def over(below):
        pairs = st.tuples(below, below)
        return st.one_of(
            calls(below, functions),
            st.tuples(below, st.sampled_from(NAMES)).map(".".join),
            st.tuples(
                below,
                st.sampled_from(["[0]", "[-1]", "[*]", "[]", ".*", "[1:]", "[::-1]"]),
            ).map("".join),
            pairs.map(lambda pair: f"{pair[0]}[?{pair[1]}]"),
            pairs.map(lambda pair: f"{pair[0]}.[{pair[1]}, {pair[0]}]"),
            pairs.map(lambda pair: f"[{pair[0]}, {pair[1]}]"),
            pairs.map(lambda pair: f"{{x: {pair[0]}, a: {pair[1]}}}"),
            st.tuples(
                below,
                st.sampled_from(["||", "&&", "|", "==", "!=", "<", ">="]),
                below,
            ).map(" ".join),
            below.map(lambda text: f"({text})"),
            below.map(lambda text: f"!({text})"),
        )

    leaves = st.sampled_from([*NAMES, "@", "*"]) | literals()
    return st.recursive(leaves, over, max_leaves=8)


SCALARS = st.none() | st.booleans() | st.sampled_from([*_NUMBERS, *_TEXTS])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "c d"]), below, max_size=3)
    ),
    max_leaves=10,
).map(lambda body: {"a": body, "b": [body, {"a": 1}], "Body": body, "matchedToken": 7})


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@given(st.text() | st.text("ab.[]*?@&|!=<>()`'\"{},: 01-\\"), st.booleans())
def test_any_text_is_an_expression_or_an_error_with_a_place(text, medtech):
    try:
        JmesPath(text, medtech=medtech)
    except JmesPathError as error:
        assert 0 <= error.position <= len(text)  # noqa: PT017 - it may not fail


@settings(max_examples=500)
@given(expressions(STANDARD | OURS), DOCUMENTS, st.booleans())
def test_an_evaluation_gives_tokens_or_an_error_of_ours(text, document, medtech):
    try:
        expression = JmesPath(text, medtech=medtech)
    except JmesPathError:
        return
    if medtech:
        document = with_dates(document)
    for evaluate in (expression.find, expression.select):
        try:
            evaluate(document)
        except EvaluationError as error:
            assert not isinstance(error.message, tuple)  # noqa: PT017 - as above


@settings(max_examples=500)
@given(expressions(STANDARD), DOCUMENTS)
def test_the_usual_results_are_those_of_the_library(text, document):
    options = jmespath.Options(custom_functions=MappingFunctions())
    try:
        expression = JmesPath(text)
        expected = jmespath.search(text, document, options=options)
    except (JmesPathError, JMESPathError, TypeError, ValueError, ArithmeticError):
        return
    one_match = [] if expected is None else [expected]
    if expression.projects and type(expected) is list:
        # Which of the two is right shows in test_jmespath_expression.py.
        assert expression.find(document) in (one_match, expected)
    else:
        assert expression.find(document) == one_match
