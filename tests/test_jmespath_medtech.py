"""Where JmesPath.Net, and so `--compat=medtech`, departs from JMESPath."""

import pytest

from transforms.date_token import DateToken, with_dates
from transforms.evaluation import MISSING, EvaluationError
from transforms.jmespath_expression import JmesPath


def find(text, document, *, medtech):
    return JmesPath(text, medtech=medtech).find(document)


LIST = {"a": [{"b": 1}, {"b": None}, {}, None, {"b": {"c": None}}]}


@pytest.mark.parametrize(
    ("text", "usual", "medtech"),
    [
        ("a[*].b", [1, {"c": None}], [1, None, {"c": None}]),
        ("a[*].b.c", [], [None]),
        ("a[*]", [{"b": 1}, {"b": None}, {}, {"b": {"c": None}}], LIST["a"]),
        ("a[].b", [1, {"c": None}], [1, None, {"c": None}]),
        ("a[?!b]", [{"b": None}, {}], [{"b": None}, {}, None]),
        ("a[?!b].b", [], [None]),
        ("a[1:3].b", [], [None]),
        ("a[4].b.*", [], [None]),
        ("a[*].b | [1]", [{"c": None}], []),
        ("a[1].b.to_string(@)", ["null"], []),
        ("a[1].x.to_string(@)", ["null"], []),
        (
            "a[*].b.to_string(@)",
            ["1", "null", "null", "null", '{"c":null}'],
            ["1", "null", '{"c":null}'],
        ),
        ("a[*].x", [], []),
        (
            "a[*].[b]",
            [[1], [None], [None], [{"c": None}]],
            [[1], [None], [None], [None], [{"c": None}]],
        ),
    ],
)
def test_nulls_stay_in_a_projection_and_what_is_missing_drops_out(text, usual, medtech):
    assert find(text, LIST, medtech=False) == usual
    assert find(text, LIST, medtech=True) == medtech


ROWS = {"a": [{"b": [1, 2]}, {"b": [3]}], "one": [{"b": 5}]}


@pytest.mark.parametrize(
    ("text", "usual", "medtech"),
    [
        ("(a[*]).b", [], [[1, 2], [3]]),
        ("(a[*].b)[0]", [[1, 2]], [1, 3]),
        ("(a[*].b)[]", [1, 2, 3], [1, 2, 3]),
        ("(a[*].b)[*]", [[1, 2], [3]], [[1, 2], [3]]),
        ("(nothing || a[*]).b[0]", [], [1, 3]),
        ("(a[*].b)[?@ > `2`]", [], [[], [3]]),
        ("(a[*].b)[1:]", [[3]], [[2], []]),
        ("(a[*]).b | [0]", [], [[1, 2]]),
        ("a[*].b | [0]", [[1, 2]], [[1, 2]]),
        ("length((a[*]))", [2], [2]),
        ("(one[*]).b", [], [5]),
    ],
)
def test_parentheses_do_not_end_a_projection(text, usual, medtech):
    assert find(text, ROWS, medtech=False) == usual
    assert find(text, ROWS, medtech=True) == medtech


@pytest.mark.parametrize(
    ("text", "usual", "medtech"),
    [
        ("a == `1.0`", True, False),
        ("a != `1.0`", False, True),
        ("a == `1`", True, True),
        ("f == `1.0`", True, True),
        ("sum == `0.3`", False, True),
        ("list == `[1.0]`", True, False),
        ("t == `true`", True, True),
        ("t == `1`", False, False),
        ("{x: a, y: f} == {y: f, x: a}", True, True),
        ("null < 'a'", MISSING, True),
        ("null <= ''", MISSING, True),
        ("'' > null", MISSING, True),
        ("null < null", MISSING, False),
        ("null >= null", MISSING, True),
        ("nothing < 'a'", MISSING, True),
        ("s < 'b'", True, True),
        ("s < `5`", MISSING, MISSING),
        ("null < `5`", MISSING, MISSING),
        ("t < `5`", MISSING, MISSING),
        ("list < list", MISSING, MISSING),
        ("a < f", False, False),
        ("emoji < bmp", False, True),
        ("max([emoji, bmp]) == bmp", False, True),
        ("sort([bmp, emoji])[0] == bmp", True, False),
    ],
)
def test_comparisons_know_kinds_and_null(text, usual, medtech):
    document = {
        "a": 1,
        "f": 1.0,
        "sum": 0.1 + 0.2,
        "list": [1],
        "t": True,
        "null": None,
        "s": "a",
        # as UTF-16 the emoji's first unit is the smaller one
        "emoji": "😀",
        "bmp": "ﬀ",
    }
    for text_ in (text, f"({text})"):
        assert JmesPath(text_).select(document) == usual
        assert JmesPath(text_, medtech=True).select(document) == medtech


DATED = with_dates(
    {
        "d": "2019-02-01T22:46:01.5+02:00",
        "same": "2019-02-01T20:46:01.5Z",
        "local": "2026-10-04T07:12:31",
        "later": "2026-10-04T07:12:32Z",
        "s": "text",
        "n": 7,
    }
)
DATE = DateToken(1549053961500000, 0, "+00:00", 120)
LOCAL, LATER = DATED["local"], DATED["later"]
MANGLED = "02/01/2019 20:46:01"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("d", DATE),
        ("type(d)", "string"),
        ("to_number(d)", MISSING),
        ("length(d)", 19),
        ("contains(d, '2019')", False),
        ("contains(s, d)", False),
        ("contains([d], d)", True),
        ("contains([s], d)", False),
        ("join('|', [d, s])", f"{MANGLED}|text"),
        ("join(d, [s, s])", f"text{MANGLED}text"),
        ("starts_with(d, '02/01')", True),
        ("starts_with(d, '2019')", False),
        ("ends_with(d, ':01')", True),
        ("reverse(d)", MANGLED[::-1]),
        ("to_string(d)", DATE),
        ("to_string({d: d})", '{"d":"2019-02-01T20:46:01.5+00:00"}'),
        ("to_string([later])", '["2026-10-04T07:12:32Z"]'),
        ("not_null(x, d)", DATE),
        ("to_array(d)", [DATE]),
        ("values({x: d})", [DATE]),
        ("merge({x: s}, {x: d}).x", DATE),
        ("max([local, later])", "10/04/2026 07:12:32"),
        ("min([local, d])", MANGLED),
        ("sort([local, d])", [DATE, LOCAL]),
        ("sort_by([{t: later}, {t: local}], &t)[0].t", LOCAL),
        ("max_by([{t: later}, {t: local}], &t).t", LATER),
        ("map(&@, [d])", [DATE]),
        ("d == same", True),
        ("d == '2019-02-01T22:46:01.5+02:00'", False),
        (f"d == '{MANGLED}'", False),
        (f"d <= '{MANGLED}'", True),
        ("local < later", True),
        ("d && s", "text"),
        ("toUtc(d, 'Z')", "2019-02-01T22:46:01.5+02:00"),
        ("toUtc(local, 'Europe/Paris')", "2026-10-04T07:12:31+02:00"),
        ("addDuration(d, `1`, 's')", "2019-02-01T22:46:02.5+02:00"),
        ("addDuration(local, `1`, 'd')", "2026-10-05T07:12:31"),
        (
            "parseDateTime(later, 'yyyy-MM-ddTHH:mm:ssK')",
            "2026-10-04T07:12:32Z",
        ),
    ],
)
def test_a_date_is_a_string_whose_text_is_another(text, result):
    assert JmesPath(text, medtech=True).select(DATED) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "insertString(d, 'x', `0`)",
            "insertString: wants string, got a date that stood there as a string",
        ),
        (
            "insertString('x', d, `0`)",
            "insertString: wants string, got a date that stood there as a string",
        ),
        ("add(d, `1`)", "add: wants number, got string"),
        ("keys(d)", "keys: wants object, got string"),
        ("sum([d])", "sum: wants array-number, got string"),
        ("sort([d, n])", "sort: wants array-string or array-number, got number"),
    ],
)
def test_what_a_date_is_no_argument_for(text, message):
    with pytest.raises(EvaluationError) as caught:
        JmesPath(text, medtech=True).select(DATED)

    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["a.b", "a[0].b", "a[*].b || c", "to_array(@)[?a]"])
def test_documents_stay_as_they_are(text):
    document = {"a": [{"b": [1, None]}], "c": "2019-02-01T22:46:01Z"}

    JmesPath(text, medtech=True).find(document)

    assert document == {"a": [{"b": [1, None]}], "c": "2019-02-01T22:46:01Z"}
