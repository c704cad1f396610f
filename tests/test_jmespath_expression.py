"""JMESPath of mapping files: checked at load, silent about values at run time."""

import pickle

import pytest

from transforms.evaluation import MISSING, Difference, MultipleTokensError
from transforms.functions import EXTENSIONS, MappingFunctions
from transforms.jmespath_expression import EvaluationError, JmesPath, JmesPathError

_EARLY = "the expression ends too early"
_REFERENCE = "an expression with & can only be an argument of map, sort_by and such"


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
        ("^toutc(a, b)", "there is no function toutc", "did you mean toUtc?"),
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
        ("^toUtc(a)", "toUtc takes 2 arguments, not 1", ""),
        ("^parseDateTime(a)", "parseDateTime takes 2 or 3 arguments, not 1", ""),
        ("^dateFromParts(a, b)", "dateFromParts takes 1 or 3 arguments, not 2", ""),
        ("^addDuration(a, b)", "addDuration takes 3 arguments, not 2", ""),
        ("^scale10(a)", "scale10 takes 2 arguments, not 1", ""),
        ("a^[::0]", "a slice with step 0 can take nothing", ""),
        ("a[?b^[1:2:0]]", "a slice with step 0 can take nothing", ""),
        ("^&a", _REFERENCE, ""),
        ("abs(^&a)", _REFERENCE, ""),
        ("[^&a]", _REFERENCE, ""),
        (
            "a.^sort_by(@, b)",
            "sort_by wants an expression as argument 2",
            "write & before it",
        ),
        (
            "multiply(a, ^'2')",
            "multiply: wants number, got string",
            "write numbers in backticks, e.g. `2`",
        ),
        ("add(^`[1]`, a)", "add: wants number, got array", ""),
        ("join(',', ^'a')", "join: wants array-string, got string", ""),
        ("merge(@, ^`1`)", "merge: wants object, got number", ""),
        (
            "toUtc(a, ^'Europe/Berln')",
            "toUtc: there is no such time zone",
            "did you mean Europe/Berlin?",
        ),
        ("toUtc(a, ^'+15:00')", "toUtc: there is no such time zone", ""),
        (
            "parseDateTime(a, ^'YYYY-MM-DD')",
            "parseDateTime: the format names no year (yyyy or %Y)",
            "",
        ),
        (
            "addDuration(a, `1`, ^'mo')",
            "addDuration: the unit is none of ms, s, min, h, d and wk",
            "",
        ),
        ("a || ^`NaN`", "NaN is no JSON number", ""),
        ("^`[-Infinity]`", "-Infinity is no JSON number", ""),
        ("^`1e999`", "a number in the expression is too large", ""),
        ('a.^"\\ud800"', "half of a surrogate pair is no character", ""),
        ('^`{"a": "\\udc00"}`', "half of a surrogate pair is no character", ""),
        ("'^\ud800'", "half of a surrogate pair is no character", ""),
        pytest.param(
            "(" * 150 + "^" + "(" * 5000 + "a",
            "the expression is nested too deeply",
            "",
            id="brackets",
        ),
        pytest.param(
            "^" + "!" * 5000 + "a", "the expression is nested too deeply", "", id="not"
        ),
        pytest.param(
            "^a" + " || a" * 5000, "the expression is nested too deeply", "", id="or"
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


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_medtech_takes_no_bare_words_for_literals():
    assert JmesPath("a == `hr`").find({"a": "hr"}) == [True]

    with pytest.raises(JmesPathError) as caught:
        JmesPath("a == `hr`", medtech=True)

    found = (caught.value.position, caught.value.message, caught.value.suggestion)
    hint = "write 'hr', with quotes, for a text"
    assert found == (5, "what stands in backticks must be JSON", hint)


def test_medtech_loads_what_fails_on_every_message():
    expression = JmesPath("multiply(a, '2')", medtech=True)

    with pytest.raises(EvaluationError) as caught:
        expression.select({"a": 1})

    assert str(caught.value) == "multiply: wants number, got string"


def test_all_standard_functions_the_eight_and_the_five_are_known():
    assert set(MappingFunctions.FUNCTION_TABLE) == {
        *("abs", "avg", "ceil", "contains", "ends_with", "floor", "join", "keys"),
        *("length", "map", "max", "max_by", "merge", "min", "min_by", "not_null"),
        *("reverse", "sort", "sort_by", "starts_with", "sum", "to_array"),
        *("to_number", "to_string", "type", "values"),
        *("add", "subtract", "multiply", "divide", "pow", "insertString"),
        *("fromUnixTimestamp", "fromUnixTimestampMs"),
        *EXTENSIONS,
    }
    assert EXTENSIONS == {
        *("toUtc", "toZone", "parseDateTime", "dateFromParts", "addDuration"),
        "scale10",
    }


BODY = [{"n": 1, "l": [1, 2]}, {"n": 2, "l": []}]
DOCUMENT = {"Body": BODY, "Properties": {}, "empty": [], "one": [{"n": 7}]}


@pytest.mark.parametrize(
    ("text", "projects", "matches"),
    [
        ("Body", False, [BODY]),
        ("Body[0]", False, [BODY[0]]),
        ("Body[*]", True, BODY),
        ("Body[*].n", True, [1, 2]),
        ("Body[]", True, BODY),
        ("Body[].l", True, [[1, 2], []]),
        ("Body[].l[]", True, [1, 2]),
        ("Body[?n > `1`]", True, [BODY[1]]),
        ("Body[1:3]", True, [BODY[1]]),
        ("Body[0].l[1:]", True, [2]),
        ("Body[0][1:]", True, []),
        ("[Body][0][1:].n", True, [2]),
        ("Properties.*", True, []),
        ("Body[0].*.n", True, []),
        ("*", True, list(DOCUMENT.values())),
        ("to_array(@)[?Body].one", True, [[{"n": 7}]]),
        ("(Body[*])", True, BODY),
        ("(Body[*].n)", True, [1, 2]),
        ("to_array(@) | [?Body].one", True, [[{"n": 7}]]),
        ("Body[*] | [0]", False, [BODY[0]]),
        ("Body[*] | @", False, [BODY]),
        ("Body[*] | @[*]", True, BODY),
        ("to_array(Body)", False, [BODY]),
        ("[Body, one]", False, [[BODY, [{"n": 7}]]]),
        ("{a: Body[*].n}", False, [{"a": [1, 2]}]),
        ("to_string(Body[*].n)", False, ["[1,2]"]),
        ("!Body[*]", False, [False]),
        ("Body[*] == Body", False, [True]),
        ("nothing", False, []),
        ("nothing[*]", True, []),
        ("empty", False, [[]]),
        ("empty[*]", True, []),
        # what was evaluated decides
        ("Body[*].n || Body", True, [1, 2]),
        ("empty[*] || Body", True, [BODY]),
        ("Body || one[*]", True, [BODY]),
        ("nothing || one[*]", True, [{"n": 7}]),
        ("Body && one[*]", True, [{"n": 7}]),
        ("empty[*] && Body", True, []),
        ("(nothing || Body[*].n) && (nothing || Body[*].n)", True, [1, 2]),
    ],
)
def test_a_projection_is_several_matches_and_any_other_array_is_one(
    text, projects, matches
):
    expression = JmesPath(text)

    assert (expression.projects, expression.find(DOCUMENT)) == (projects, matches)


@pytest.mark.parametrize(
    ("text", "usual", "medtech"),
    [
        ("Body[0].n", 1, 1),
        ("nothing", MISSING, MISSING),
        ("Body[5]", MISSING, MISSING),
        ("empty", [], []),
        ("empty[*]", MISSING, []),
        ("one[*]", {"n": 7}, [{"n": 7}]),
        ("one[].n", 7, [7]),
        ("one[*] | [0].n", 7, 7),
        ("Body[?n == `2`].n", 2, [2]),
        ("Body[?n == `3`].n", MISSING, []),
        ("Body[*].n | @", [1, 2], [1, 2]),
        ("nothing || one[*].n", 7, [7]),
        ("Body", BODY, BODY),
    ],
)
def test_the_only_element_of_a_projection_is_what_it_stands_for(text, usual, medtech):
    assert JmesPath(text).select(DOCUMENT) == usual
    assert JmesPath(text, medtech=True).select(DOCUMENT) == medtech


@pytest.mark.parametrize("medtech", [False, True])
@pytest.mark.parametrize("text", ["Body[*]", "nothing || Body[*].n", "(Body[])", "*"])
def test_several_elements_are_no_single_token(text, medtech):
    with pytest.raises(MultipleTokensError) as caught:
        JmesPath(text, medtech=medtech).select(DOCUMENT)

    assert caught.value.text == text


MESSAGE = {
    "Body": [
        {"deviceType": "cuff", "systolic": 121, "id": "d1"},
        {"deviceType": "scale", "kg": "72.5", "id": "d2"},
    ],
    "SystemProperties": {"iothub-connection-device-id": "hub-1"},
    "µ": {"x y": False},
}


@pytest.mark.parametrize("medtech", [False, True])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Body[0].id", ["d1"]),
        ("Body[2].id", []),
        ("Body[?systolic].id", ["d1"]),
        ("Body[?deviceType == 'scale'] | [0].kg", ["72.5"]),
        ("Body[].id | join('-', @)", ["d1-d2"]),
        ("to_array(@)[?Body].Body[] | length(@)", [2]),
        ('SystemProperties."iothub-connection-device-id"', ["hub-1"]),
        ('"µ"."x y"', [False]),
        ("add(Body[0].systolic, `0.5`)", [121.5]),
        ("multiply(to_number(Body[1].kg), `2`)", [145.0]),
        ("to_number(Body[0].nothing)", []),
        ("not_null(Body[0].nothing, 'else')", ["else"]),
        ("[Body[1]][?contains(keys(@), 'kg')] | [0].id", ["d2"]),
        ("Body[?starts_with(id, 'd')].id", ["d1", "d2"]),
        ("sort_by(Body, &id)[-1].id", ["d2"]),
        ("max_by(Body[?systolic], &systolic).id", ["d1"]),
        ("map(&id, Body)", [["d1", "d2"]]),
        ("Body[?kg && `0`].id", ["d2"]),
    ],
)
def test_an_expression_finds_what_jmespath_says(text, found, medtech):
    assert JmesPath(text, medtech=medtech).find(MESSAGE) == found


_CANNOT = "a function of the expression cannot work on what it met"


@pytest.mark.parametrize("medtech", [False, True])
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
        ("sort_by(a, &b)", [{"b": 1}, {"b": ""}], "sort_by: wants number, got string"),
        ("length(a)", 5, "length: wants string or array or object, got number"),
        ("keys(a)", "text", "keys: wants object, got string"),
        ("merge(@, a)", "text", "merge: wants object, got string"),
        ("divide(`1`, a)", 0, "divide: division by zero"),
        (
            "contains(a, `1`)",
            "text",
            "contains: in a string there are only strings",
        ),
    ],
)
def test_a_function_on_a_wrong_kind_names_kinds_and_no_values(
    text, value, message, medtech
):
    for method in ("find", "select"):
        with pytest.raises(EvaluationError) as caught:
            getattr(JmesPath(text, medtech=medtech), method)({"a": value})

        assert (str(caught.value), caught.value.text) == (message, text)


@pytest.mark.parametrize("medtech", [False, True])
def test_between_a_text_and_a_number_there_is_no_order(medtech):
    expression = JmesPath("[a < `5`, a > `5`]", medtech=medtech)

    assert expression.find({"a": "6"}) == [[None, None]]


@pytest.mark.parametrize(
    ("text", "names", "functions", "extensions"),
    [
        ("Body.a[0]", {"Body", "a"}, (), ()),
        (
            "add(b, add(toUtc(c, 'Z'), `1`))",
            {"b", "c"},
            (("add", 0), ("add", 7), ("toUtc", 11)),
            (("toUtc", 11),),
        ),
        (
            'x[?scale10(y, z) == a.b]."c d".{k: l}',
            {"x", "y", "z", "a", "b", "c d", "l"},
            (("scale10", 3),),
            (("scale10", 3),),
        ),
        ("map(&to_string(q), @)", {"q"}, (("map", 0), ("to_string", 5)), ()),
    ],
)
def test_names_and_calls_of_an_expression(text, names, functions, extensions):
    expression = JmesPath(text)

    assert expression.names == names
    assert expression.functions == functions
    assert expression.extensions == extensions


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("matchedToken", False),
        ("matchedToken.a[*].b", False),
        ("matchedToken.*.b[] | [0]", False),
        ("matchedToken.v[?a && b == 'x'].c | [0]", False),
        ("sum(matchedToken.v)", False),
        ("matchedParents[0].units", False),
        ("matchedParents[?a] | [0]", False),
        ("matchedPath[-1]", False),
        ("Properties.source", False),
        ("keys(Properties)", False),
        ('SystemProperties."iothub-connection-device-id"', False),
        ("Body.deviceId", False),
        ("Body.devices[0].id", False),
        ("to_number(Body.kg)", False),
        ("not_null(matchedToken.id, Body.id)", False),
        ("matchedToken.id || Body.id", False),
        ("toUtc(join('T', [Body.date, matchedToken.time]), Properties.zone)", False),
        ("join(' ', [matchedToken.date, Body.x])", False),
        ("Body.type == 'x' && matchedToken.y", False),
        ("{a: Body.x, b: matchedToken.y}", False),
        ("[Body.x, matchedToken.y] | [0]", False),
        ("@.matchedToken.x[*]", False),
        ("to_array(matchedToken)[?a]", False),
        ("to_array(@)[0].matchedToken.x[*]", False),
        ("'literal'", False),
        ("@", False),
        ("*", True),
        ("@[*]", True),
        ("keys(@)", True),
        ("Body.data[*]", True),
        ("Body.data[]", True),
        ("Body.data[1:]", True),
        ("Body.data[?a] | [0]", True),
        ("Body.*", True),
        ("Body | data[*]", True),
        ("Body.a.b[0].c[?d]", True),
        ("length(Body.data)", True),
        ("contains(Body.tags, 'x')", True),
        ("to_string(Body)", True),
        ("sort_by(Body.data, &x)[0]", True),
        ("map(&x, Body.data)", True),
        ("map(&x[*], [Body])", True),
        ("[Body][?contains(keys(@), 'x')] | [0]", True),
        ("[Body, matchedToken][1][*]", True),
        ("[Body][] | [0]", True),
        ("Body.a == Body.b", True),
        ("(matchedToken || Body)[*]", True),
        ("add(length(keys(@)), `1`)", True),
        ("!(Body.data[*])", True),
    ],
)
def test_whether_an_evaluation_may_go_through_the_whole_message(text, whole):
    assert JmesPath(text).whole is whole


_NOISE = "MedTech computes with doubles, which leaves binary noise"
_LONG = "of whole numbers MedTech keeps the lowest 64 bits without complaint"
_TIME = "as a value or an id MedTech writes it MM/dd/yyyy HH:mm:ss"


@pytest.mark.parametrize(
    ("text", "differences"),
    [
        ("Body.hr", []),
        ("to_number(hr)", []),
        ("a == 'x' && b == `1` && c > `1`", []),
        ("insertString(a, ':', `2`)", []),
        ("length([a, b])", []),
        ("a || add(b, `1`)", [(5, f"add: {_NOISE}; {_LONG}")]),
        (
            "divide(a, `2`)",
            [
                (
                    0,
                    f"divide: {_NOISE}; of two whole numbers it cuts off the fraction;"
                    " a fraction divided by 0 is infinite",
                )
            ],
        ),
        ("fromUnixTimestampMs(a)", [(0, f"fromUnixTimestampMs: {_TIME}")]),
        (
            "length(a)",
            [(0, "length: of a text MedTech counts UTF-16 units: most emoji are two")],
        ),
        (
            "abs(a)",
            [(0, "abs: MedTech fails for whole numbers beyond 32 bits")],
        ),
        (
            "a[?b == `1.0`]",
            [(5, "==: to MedTech no whole number equals 1.0, not even 1")],
        ),
        (
            "a != '2026-10-04T07:12:31Z'",
            [
                (
                    2,
                    "!=: what looks like a time is a date to MedTech and equals no"
                    " text",
                )
            ],
        ),
        ("a < 'b'", [(2, "<: to MedTech null is less than every text")]),
        (
            "(a[*]).b",
            [(0, "in MedTech parentheses do not end a projection; use | instead")],
        ),
    ],
)
def test_places_where_medtechs_result_differs(text, differences):
    expected = tuple(Difference(*found) for found in differences)

    assert JmesPath(text).differences == expected
    assert JmesPath(text, medtech=True).differences == expected


@pytest.mark.parametrize("medtech", [False, True])
def test_an_expression_travels_as_its_text(medtech):
    sent = JmesPath("to_array(Body)[?systolic].id", medtech=medtech)

    received = pickle.loads(pickle.dumps(sent))  # noqa: S301

    assert (received.text, received.medtech) == (sent.text, medtech)
    document = {"Body": MESSAGE["Body"][0]}
    assert received.find(document) == sent.find(document) == ["d1"]
    assert repr(received) == (
        f"JmesPath('to_array(Body)[?systolic].id', medtech={medtech})"
    )
