"""JMESPath of mapping files: checked at load, silent about values at run time."""

import pickle

import pytest

from transforms.evaluation import MISSING
from transforms.functions import MappingFunctions
from transforms.jmespath_expression import EvaluationError, JmesPath, JmesPathError


def search(text, document):
    """All elements of a projection, the token of any other expression."""
    expression = JmesPath(text)
    if expression.projects:
        return expression.find(document)
    token = expression.select(document)
    return None if token is MISSING else token


_EARLY = "the expression ends too early"


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        # ^ stands before the character that the error points at
        ("add(`1`^", _EARLY, ""),
        ("foo[?x^", _EARLY, ""),
        ("foo |^", _EARLY, ""),
        ("foo ==^", _EARLY, ""),
        ("foo.^", _EARLY, ""),
        ("foo[^", _EARLY, ""),
        (" ^", _EARLY, ""),
        ("^", "Invalid JMESPath expression: cannot be empty.", ""),
        ("foo.^.bar", "unexpected '.'", ""),
        ("foo ^bar", "unexpected 'bar'", ""),
        ("foo ^]", "unexpected ']'", ""),
        ("foo[^bar]", "unexpected 'bar'", ""),
        ("{a: ^}", "unexpected '}'", ""),
        ("^1", "unexpected 1", ""),
        ("^'open", "Unclosed ' delimiter", ""),
        ('^"open', 'Unclosed " delimiter', ""),
        ("foo.^#", "Unknown token #", ""),
        ("a ^= b", "Unknown token '='", ""),
        ("^ad(`1`, `2`)", "there is no function ad", "did you mean add?"),
        ("^zzz(a)", "there is no function zzz", ""),
        ("^ADD(a, b)", "there is no function ADD", ""),
        ("Body.address && ^ad(a, b)", "there is no function ad", "did you mean add?"),
        ("add[?^ad(x)].to_string(@)", "there is no function ad", "did you mean add?"),
        (
            "keys(@)[?^nope(@)].other(@)",
            "there is no function nope",
            "did you mean type?",
        ),
        ("^add()", "add takes 2 arguments, not 0", ""),
        ("^add(a, b, c)", "add takes 2 arguments, not 3", ""),
        ("add(a, b) || ^add(a)", "add takes 2 arguments, not 1", ""),
        ("add || ^add(a)", "add takes 2 arguments, not 1", ""),
        ("add(a, ^add(b))", "add takes 2 arguments, not 1", ""),
        ("^subtract(a)", "subtract takes 2 arguments, not 1", ""),
        ("^multiply(a)", "multiply takes 2 arguments, not 1", ""),
        ("^divide(a)", "divide takes 2 arguments, not 1", ""),
        ("^pow(a)", "pow takes 2 arguments, not 1", ""),
        ("^insertString(a, b)", "insertString takes 3 arguments, not 2", ""),
        ("^fromUnixTimestamp()", "fromUnixTimestamp takes 1 argument, not 0", ""),
        (
            "^fromUnixTimestampMs(a, b)",
            "fromUnixTimestampMs takes 1 argument, not 2",
            "",
        ),
        ("a.^not_null()", "not_null takes at least 1 argument, not 0", ""),
        pytest.param(
            "(" * 150 + "^" + "(" * 5000 + "a",
            "the expression is nested too deeply",
            "",
            id="deep",
        ),
        pytest.param(
            f"^a[{'9' * 5000}]", "a number in the expression is too large", "", id="big"
        ),
    ],
)
def test_what_cannot_work_on_any_message_is_an_error_at_load(text, message, suggestion):
    before, mark, after = text.partition("^")
    assert mark

    with pytest.raises(JmesPathError) as caught:
        JmesPath(before + after)

    found = (caught.value.position, caught.value.message, caught.value.suggestion)
    assert found == (len(before), message, suggestion)


def test_all_standard_functions_the_eight_and_ours_are_known():
    assert set(MappingFunctions.FUNCTION_TABLE) == {
        *("abs", "avg", "ceil", "contains", "ends_with", "floor", "join", "keys"),
        *("length", "map", "max", "max_by", "merge", "min", "min_by", "not_null"),
        *("reverse", "sort", "sort_by", "starts_with", "sum", "to_array"),
        *("to_number", "to_string", "type", "values"),
        *("add", "subtract", "multiply", "divide", "pow", "insertString"),
        *("fromUnixTimestamp", "fromUnixTimestampMs"),
        *("addDuration", "dateFromParts", "parseDateTime", "scale10", "toUtc"),
    }


@pytest.mark.parametrize(
    ("text", "projects"),
    [
        ("Body", False),
        ("Body[0]", False),
        ("Body[*]", True),
        ("Body[*].a.b", True),
        ("Body[]", True),
        ("Body[].a", True),
        ("Body[?a]", True),
        ("Body[1:3]", True),
        ("Body.*", True),
        ("Body.*.a", True),
        ("*", True),
        ("to_array(@)[?a]", True),
        ("Body.a[*]", True),
        ("Body[*] || Properties", True),
        ("Body && Body[*]", True),
        ("(Body[*])", True),
        ("Body[*] | [0]", False),
        ("Body[*] | @", False),
        ("to_array(Body)", False),
        ("[Body, Properties]", False),
        ("{a: Body[*]}", False),
        ("Body.[a, b]", False),
        ("to_string(Body[*])", False),
        ("!Body[*]", False),
        ("Body[*] == Body", False),
    ],
)
def test_a_projection_is_several_matches_and_any_other_array_is_one(text, projects):
    assert JmesPath(text).projects is projects


DOCUMENT = {
    "Body": [
        {"deviceType": "cuff", "systolic": 121, "id": "d1"},
        {"deviceType": "scale", "kg": "72.5", "id": "d2"},
    ],
    "SystemProperties": {"iothub-connection-device-id": "hub-1"},
    "µ": {"x y": False},
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Body[0].id", "d1"),
        ("Body[2].id", None),
        ("Body[?systolic].id", ["d1"]),
        ("Body[?deviceType == 'scale'] | [0].kg", "72.5"),
        ("Body[].id | join('-', @)", "d1-d2"),
        ("to_array(@)[?Body].Body[] | length(@)", 2),
        ('SystemProperties."iothub-connection-device-id"', "hub-1"),
        ('"µ"."x y"', False),
        ("add(Body[0].systolic, `0.5`)", 121.5),
        ("multiply(to_number(Body[1].kg), `2`)", 145.0),
        ("to_number(Body[0].nothing)", None),
        ("not_null(Body[0].nothing, 'else')", "else"),
        ("[Body[1]][?contains(keys(@), 'kg')] | [0].id", "d2"),
    ],
)
def test_an_expression_finds_what_jmespath_says(text, found):
    assert search(text, DOCUMENT) == found


_CANNOT = "a function of the expression cannot work on what it met"


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("multiply(a, `2`)", None, "multiply: wants number, got null"),
        ("multiply(a, `2`)", "120", "multiply: wants number, got string"),
        ("add(a, `2`)", True, "add: wants number, got boolean"),
        ("add(`1`, a)", [], "add: wants number, got array"),
        ("pow(a, `1`)", {}, "pow: wants number, got object"),
        ("starts_with(a, 'x')", 1, "starts_with: wants string, got number"),
        ("sum(a)", ["x"], "sum: wants array-number, got string"),
        ("avg(a)", [1, None], "avg: wants array-number, got null"),
        ("sort(a)", [1, "x"], "sort: wants array-string or array-number, got string"),
        ("join(',', a)", [1.5], "join: wants array-string, got number"),
        ("max_by(a, &b)", [{"b": []}], "max_by: wants number or string, got array"),
        ("length(a)", 5, "length: wants string or array or object, got number"),
        ("keys(a)", "text", "keys: wants object, got string"),
        ("divide(`1`, a)", 0, "divide: division by zero"),
        (
            "insertString(a, 'x', `9`)",
            "ab",
            "insertString: the position lies outside the text",
        ),
        (
            "fromUnixTimestamp(a)",
            1.5,
            "fromUnixTimestamp: the argument must be a whole number",
        ),
        ("contains(a, `1`)", "text", "contains: in a string there are only strings"),
        ("merge(@, a)", "text", "merge: wants object, got string"),
        ("max_by(a, &@)", ["x", 1], _CANNOT),
    ],
)
def test_a_function_on_a_wrong_kind_names_kinds_and_no_values(text, value, message):
    with pytest.raises(EvaluationError) as caught:
        search(text, {"a": value})

    assert str(caught.value) == message


def test_a_document_too_deep_for_a_function_is_an_error_and_no_crash():
    deep = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(EvaluationError) as caught:
        search("to_string(@)", deep)

    message = "the document is nested too deeply for the expression"
    assert str(caught.value) == message


def test_an_expression_travels_as_its_text():
    sent = JmesPath("to_array(Body)[?systolic].id")

    received = pickle.loads(pickle.dumps(sent))  # noqa: S301

    assert (received.text, received.projects) == (sent.text, sent.projects)
    assert received.find(DOCUMENT) == sent.find(DOCUMENT) == ["d1"]
