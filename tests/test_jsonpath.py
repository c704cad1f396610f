"""JSONPath of the Newtonsoft dialect: what it finds, and what it refuses."""

import copy
import math
import pickle

import orjson
import pytest

from transforms.evaluation import EvaluationError
from transforms.jsonpath import (
    MISSING,
    JsonPath,
    JsonPathError,
    MultipleTokensError,
    compile_path,
)

MESSAGE = {
    "Body": {
        "device-id": "d1",
        "data": [{"t": "hr", "v": 60}, {"t": "rr", "v": 16}, {"t": "hr", "v": None}],
        "$iothub": {"x y": [1, 2, 3]},
        "@type": "vitals",
        "a'b": {"": "empty"},
        "a,b:c?*='♥": 0,
    },
    "Properties": {},
    "heartRate": 78,
}
DATA = MESSAGE["Body"]["data"]
HUB = MESSAGE["Body"]["$iothub"]
DIGITS = list(range(10))


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("$", [MESSAGE]),
        (" $ ", [MESSAGE]),
        ("$.heartRate", [78]),
        ("heartRate", [78]),
        (" heartRate ", [78]),
        (".heartRate", [78]),
        ("['heartRate']", [78]),
        ("$['heartRate']", [78]),
        ("$.['heartRate']", [78]),
        ("$.('heartRate')", [78]),
        ("$.HeartRate", []),
        ("$.Body.device-id", ["d1"]),
        ("$.Body.a,b:c?*='♥", [0]),
        ("$.Body.$iothub", [HUB]),
        ("$.Body.@type", ["vitals"]),
        ("$iothub", []),
        ("$.Body['$iothub'].['x y'][ 1 ]", [2]),
        ("$.Body.$iothub('x y')(1)", [2]),
        (r"$.Body['a\'b']['']", ["empty"]),
        ("$.Body.data.v", []),
        ("$.Body.data[0].v", [60]),
        ("$.Body.data[2].v", [None]),
        ("$.Body.data[3].v", []),
        ("$.heartRate[0]", []),
        ("$.Body.device-id[0]", []),
        ("$.Body[0]", []),
        ("$.Body.data[0,2].v", [60, None]),
        ("$.Body.data[2, 0,9].t", ["hr", "hr"]),
        ("$.Body.data[*].v", [60, 16, None]),
        ("$.Body.data.*", []),
        ("$.Body[*]", []),
        ("$.Properties.*", []),
        ("$.*", list(MESSAGE.values())),
        ("$.Body.data[*].*", ["hr", 60, "rr", 16, "hr", None]),
        ("$['heartRate','nope','Properties']", [78, {}]),
        ("$['heartRate', 'heartRate']", [78, 78]),
        ("$..v", [60, 16, None]),
        ("$..v.x", []),
        ("$..data[1].v", [16]),
        ("$..['v']", [60, 16, None]),
        ("$..['v', 't']", ["hr", 60, "rr", 16, "hr", None]),
        ("$..['v','v']", [60, 60, 16, 16, None, None]),
        ("$..data..v", [60, 16, None]),
        ("$.Body.$iothub..*", [HUB, HUB["x y"], 1, 2, 3]),
        ("$.heartRate..*", [78]),
        ("$.heartRate..v", []),
        ("$..a'b..*", [{"": "empty"}, "empty"]),
        ("$.Body(*)", []),
        ("$.Body.data(0)(?(@.t))", []),
        ("$.Body.data(?(@.v == 16 ))('v')", [16]),
        ("$.Body.data(0,1).v", [60, 16]),
        ("$.Body.data(1:).v", [16, None]),
        ("$..['*']", []),
        ("$['*']", []),
        ("$(0)", []),
        # Newtonsoft scans for names and filters only.
        ("$..[0]", []),
        ("$.Body.data..[0].v", [60]),
        ("$.Body.data..[*].v", [60, 16, None]),
    ],
)
def test_paths_find_what_newtonsoft_finds(text, matches):
    assert compile_path(text).find(MESSAGE) == matches


@pytest.mark.parametrize(
    "part",
    [":", "::", "2:", ":2", "1:8:3", "-3:", ":-3", "-1:-2:-1", "::-1", "::-2", "8:2:-2",
     "20:", ":20", "-20:3", "3:-20:-1", "20::-4", "2:2", " 1 : 3 "],
)  # fmt: skip
def test_slices_count_as_python_counts(part):
    bounds = [int(bound) if bound.strip() else None for bound in part.split(":")]

    assert compile_path(f"$[{part}]").find(DIGITS) == DIGITS[slice(*bounds)]
    assert compile_path(f"$[{part}]").find({"0": 1}) == []


def test_a_scan_keeps_the_order_of_the_document():
    document = {"x": {"a": 1}, "a": {"a": 2, "b": [{"a": 3}]}, "y": [[{"a": 4}], 5]}

    assert compile_path("$..a").find(document) == [1, document["a"], 2, 3, 4]


FLAT = {"heartRate": 78, "unit": "/min", "none": None, "no": False, "zero": 0, "": ""}


@pytest.mark.parametrize(
    ("text", "document", "matches"),
    [
        # A scan tests the start itself, then everything below it in order.
        ("$..[?(@heartRate)]", FLAT, [FLAT]),
        ("$..[?(@.heartRate)]", FLAT, [FLAT]),
        ("$..(?(@heartRate))", FLAT, [FLAT]),
        ("..[?( @['heartRate'] )]", FLAT, [FLAT]),
        ("$..[?(@heartRate && @unit)]", [FLAT, {"unit": 1}], [FLAT]),
        ("$..[?(@none)]", FLAT, [FLAT]),
        ("$..[?(@no)]", FLAT, [FLAT]),
        ("$..[?(@zero)]", FLAT, [FLAT]),
        ("$..[?(@[''])]", FLAT, [FLAT]),
        ("$..[?(@nope)]", FLAT, []),
        ("$..[?(@a)]", {"a": {"a": 1}}, [{"a": {"a": 1}}, {"a": 1}]),
        ("$..[?(@a)]", [{"b": {"a": 1}}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        ("$.b..[?(@a)]", {"a": 0, "b": [[{"a": 1}]]}, [{"a": 1}]),
        ("$..[?(@ == 1)]", [1, {"a": 1}, [1.0]], [1, 1, 1.0]),
        ("$..[?(@[0])]", {"a": [[1]]}, [[[1]], [1]]),
        # A child filter tests the items of an array and nothing else.
        ("$[?(@heartRate)]", FLAT, []),
        ("$.a[?(@b)]", {"a": {"b": {"b": 1}}}, []),
        ("$[?(@a)].a", [{"a": 1}, {"b": 2}, 3, "a", ["a"], {"a": None}], [1, None]),
        ("$[?(@a.b)]", [{"a": {"b": 0}}, {"a": {}}, {"a": [0]}], [{"a": {"b": 0}}]),
        ("$[?(@..x)]", [{"a": [{"x": 0}]}, {"a": 0}], [{"a": [{"x": 0}]}]),
        ("$[?(@.*)]", [{}, {"a": 1}, [1]], [{"a": 1}]),
        ("$[?(@[*])]", [{}, {"a": 1}, [1]], [[1]]),
        ("$[?(@[-1:])]", [[], [1]], [[1]]),
        ("$[?(@['a','b'])]", [{"b": 1}, {"c": 1}], [{"b": 1}]),
        ("$[?(@[0].a == 1)]", [[{"a": 1}], [{"a": 2}], {"a": 1}], [[{"a": 1}]]),
        ("$[?(@)]", [None, 0], [None, 0]),
        # Filters in filters, and the document from within.
        ("$[?(@a[?(@b == 1)])]", [{"a": [{"b": 1}]}, {"a": []}], [{"a": [{"b": 1}]}]),
        ("$.d[?(@v > $.min)].v", {"min": 2, "d": [{"v": 1}, {"v": 3}]}, [3]),
        ("$.d[?(@v > $min)].v", {"min": 2, "d": [{"v": 1}, {"v": 3}]}, [3]),
        ("$.d[?($.on == true)]", {"on": True, "d": [1]}, [1]),
        ("$.d[?($.on)]", {"d": [1]}, []),
        ("$.d[?($['on'])]", {"on": None, "d": [1]}, [1]),
        ("$.d[?($ != 1)]", {"d": [1]}, [1]),
        ("$[?(@a == @b)].a", [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1}], [1]),
        ("$[?(5 < @)]", [4, 5, 6], [6]),
        ("$[?('a' == @.t)].t", [{"t": "a"}, {"t": "b"}], ["a"]),
        ("$[?(1 == 1)]", [0], [0]),
        # Several values on a side: any pair will do.
        ("$[?(@a[*] == 1)].a", [{"a": [1, 2]}, {"a": [3]}, {"a": []}], [[1, 2]]),
        ("$[?(@a[*] != 1)].a", [{"a": [1, 2]}, {"a": [1]}, {"a": []}], [[1, 2]]),
        ("$[?(@a[*] == @b[*])].a", [{"a": [1, 2], "b": [2, 3]}], [[1, 2]]),
        # Blanks and their absence.
        ("$[?(@a=='x'&&@b==true||@c)].b", [{"a": "x", "b": True}], [True]),
        ("$[ ?( @a  ==  1  )  ]", [{"a": 1}], [{"a": 1}]),
        ("$[?(@a\t>=\n1\r\n&& @b)]", [{"a": 1, "b": 0}], [{"a": 1, "b": 0}]),
        ("$[?(@.a>5 &&@.b<7)]", [{"a": 6, "b": 6}], [{"a": 6, "b": 6}]),
        ("$[?(@heart-rate>5)]", [{"heart-rate": 6}], [{"heart-rate": 6}]),
        (r"$[?(@ == '\'\"\\\/')]", ["'\"\\/"], ["'\"\\/"]),
        (r"$[?(@ == '\b\t\n\f\r')]", ["\b\t\n\f\r"], ["\b\t\n\f\r"]),
        (r"$[?(@['\b\'\\'])]", [{"\b'\\": 0}], [{"\b'\\": 0}]),
        # Names and paths in filters.
        ("$[?(@['x y'] == 1)]", [{"x y": 1}, {"x": 1}], [{"x y": 1}]),
        ("$[?(@x.y)]", [{"x": {"y": 0}}, {"x.y": 0}], [{"x": {"y": 0}}]),
        ("$[?(@..x == 2)].n", [{"n": 1, "a": [{"x": 1}, {"x": 2}]}, {"x": 1}], [1]),
        ("$[?(1 == @..x )].n", [{"n": 1, "a": [{"x": 1}]}, {"n": 2}], [1]),
        ("$.d[?(@v == $..ids[*])].v", {"ids": [1, 3], "d": [{"v": 1}, {"v": 2}]}, [1]),
        ("$.d[?($.ids[*] == @v)].v", {"ids": [1, 3], "d": [{"v": 3}, {"v": 2}]}, [3]),
        ("$[?(@(0) == 1)]", [[1], [2], {"0": 1}], [[1]]),
        ("$[?(@ == -.5)]", [-0.5, 0.5], [-0.5]),
        ("$[?(@ == -5.)]", [-5, 5], [-5]),
        ("$[?(@a<>@b)].a", [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1}], [1]),
        # An empty name is a name; a scan does not find its start under it.
        ("$..['']", {"": {"": 1}}, [{"": 1}, 1]),
    ],
)  # fmt: skip
def test_filters_find_what_newtonsoft_finds(text, document, matches):
    found = compile_path(text).find(document)

    assert orjson.dumps(found) == orjson.dumps(matches)


NEARLY = 0.1 + 0.2
FAR = 0.3 + 1e-14


@pytest.mark.parametrize(
    ("left", "operators", "right"),
    [
        ("5", "== === <= >=", "5"),
        ("5", "!= !== <> < <=", "6"),
        ("5", "== === <= >=", "5.0"),
        ("5.0", "== === <= >=", "5"),
        (repr(NEARLY), "== === <= >=", "0.3"),
        (repr(FAR), "!= !== <> > >=", "0.3"),
        ("9007199254740993", "!= !== <> > >=", "9007199254740992"),
        ("1e2", "== === <= >=", "100"),
        ("-1", "!= !== <> < <=", "0"),
        ("'a'", "== === <= >=", "'a'"),
        ("'a'", "!= !== <> < <=", "'b'"),
        ("'B'", "!= !== <> < <=", "'a'"),
        ("'10'", "!= !== <> < <=", "'9'"),
        ("true", "== === <= >=", "true"),
        ("true", "!= !== <> > >=", "false"),
        ("null", "== === <= >=", "null"),
        # A text and a number are never equal, but have an order.
        ("'60'", "!= !== <> > >=", "50"),
        ("' 6e1 '", "!= !== <> > >=", "50"),
        ("'50.5'", "!= !== <> > >=", "50"),
        ("'50'", "!= !== <> <= >=", "50"),
        ("50", "!= !== <> < <=", "'60'"),
        ("50.5", "!= !== <> < <=", "'60'"),
        ("'9223372036854775808'", "!= !== <> > >=", "9223372036854775807"),
        # A text that is no number has no order with one.
        ("'high'", "!= !== <>", "50"),
        ("''", "!= !== <>", "50"),
        ("'1_0'", "!= !== <>", "50"),
        ("'nan'", "!= !== <>", "50"),
        ("50", "!= !== <>", "'high'"),
        # A truth value is not a number.
        ("true", "!= !== <> <= >=", "1"),
        ("1", "!= !== <> <= >=", "true"),
        ("1.0", "!= !== <> <= >=", "true"),
        ("true", "!= !== <> <= >=", "7"),
        ("true", "!= !== <> <= >=", "'True'"),
        ("'false'", "!= !== <> < <=", "true"),
        ("true", "!= !== <>", "'yes'"),
        # Null comes before everything.
        ("null", "!= !== <> < <=", "0"),
        ("null", "!= !== <> < <=", "''"),
        ("null", "!= !== <> < <=", "false"),
        ("-1", "!= !== <> > >=", "null"),
        ("''", "!= !== <> > >=", "null"),
        ("false", "!= !== <> > >=", "null"),
    ],
)
def test_operators_that_hold(left, operators, right):
    every = ["==", "===", "!=", "!==", "<>", "<", "<=", ">", ">="]
    texts = {op: f"$[?({left} {op} {right} )]" for op in every}
    # Once both sides are literals, once the left side comes from the document.
    value = {"null": None, "true": True, "false": False}.get(left)
    if left[0] == "'":
        value = left[1:-1]
    elif left not in ("null", "true", "false"):
        value = orjson.loads(left)
    members = {op: f"$[?(@v {op} {right} )]" for op in every}

    assert [
        op for op in every if compile_path(texts[op]).find([0])
    ] == operators.split()
    assert [
        op for op in every if compile_path(members[op]).find([{"v": value}])
    ] == operators.split()


@pytest.mark.parametrize("container", [{}, [], {"a": 1}, [1]])
@pytest.mark.parametrize("right", ["1 ", "'x'", "null", "true", "@v", "$[0].v"])
def test_an_object_or_array_only_ever_differs(container, right):
    every = ["==", "===", "!=", "!==", "<>", "<", "<=", ">", ">="]
    document = [{"v": container}]

    held = [op for op in every if compile_path(f"$[?(@v {op} {right})]").find(document)]

    assert held == ["!=", "<>"]


@pytest.mark.parametrize("operator", ["==", "!=", "!==", "<", ">=", "<>"])
def test_a_side_that_finds_nothing_makes_the_comparison_false(operator):
    for condition in (f"@v {operator} 1", f"1 {operator} @v", f"@v {operator} @v"):
        assert compile_path(f"$[?({condition} )]").find([{}, 1, None, []]) == []


@pytest.mark.parametrize(
    ("condition", "texts", "matches"),
    [
        ("@ =~ /b/", ["abc", "ac"], ["abc"]),
        ("@ =~ /^b/i", ["Bc", "ab"], ["Bc"]),
        ("@ =~ /^b$/m", ["a\nb\nc", "ab"], ["a\nb\nc"]),
        ("@ =~ /a.b/", ["a\nb", "a-b"], ["a-b"]),
        ("@ =~ /a.b/s", ["a\nb", "a-b"], ["a\nb", "a-b"]),
        ("@ =~ /a (b)/x", ["a b", "ab"], ["a b"]),
        (r"@ =~ /a\/b/", ["a/b", "ab"], ["a/b"]),
        (r"@ =~ /\d{2} \)/", ["12 )", "1"], ["12 )"]),
        ("@ =~ /1/", [1, None, True, ["1"], {"1": 1}], []),
        ("@=~/a/&&@=~/b/", ["ab", "a"], ["ab"]),
    ],
)
def test_regular_expressions_search_texts(condition, texts, matches):
    assert compile_path(f"$[?({condition})]").find(texts) == matches


@pytest.mark.parametrize(
    ("condition", "ordinary", "medtech"),
    [
        ("@a && @b || @c", "(a and b) or c", "a and (b or c)"),
        ("@a || @b && @c", "a or (b and c)", "a or (b and c)"),
        ("@a && @b && @c", "a and b and c", "a and b and c"),
        ("@a || @b || @c", "a or b or c", "a or b or c"),
        ("@a && @b || @c && @d", "(a and b) or (c and d)", "a and (b or (c and d))"),
        ("@a || @b && @c || @d", "a or (b and c) or d", "a or (b and (c or d))"),
        ("@a && @b && @c || @d", "(a and b and c) or d", "a and b and (c or d)"),
        ("@a || @b || @c && @d", "a or b or (c and d)", "a or b or (c and d)"),
    ],
)
def test_and_binds_tighter_unless_newtonsofts_nesting_is_asked_for(
    condition, ordinary, medtech
):
    for number in range(16):
        truths = {name: bool(number >> bit & 1) for bit, name in enumerate("abcd")}
        document = [{name: 1 for name in truths if truths[name]}]
        for flag, rule in ((False, ordinary), (True, medtech)):
            path = compile_path(f"$[?({condition})]", medtech=flag)
            expected = document if eval(rule, {}, truths) else []  # noqa: S307
            assert path.find(document) == expected
            scan = compile_path(f"$..[?({condition})]", medtech=flag)
            assert scan.find(document[0]) == expected


def test_select_tells_missing_from_null_and_refuses_several():
    assert compile_path("$.Body.data[2].v").select(MESSAGE) is None
    assert compile_path("$.Body.data[7].v").select(MESSAGE) is MISSING
    assert compile_path("$.Body.nope.v").select(MESSAGE) is MISSING
    assert compile_path("$.nope").select([]) is MISSING
    assert compile_path("$.nope[?(@a)]").select(MESSAGE) is MISSING
    assert compile_path("$..[?(@heartRate)]").select(MESSAGE) == MESSAGE
    assert compile_path("$..[?(@nope)]").select(MESSAGE) is MISSING
    with pytest.raises(MultipleTokensError) as caught:
        compile_path("$..v").select(MESSAGE)
    assert caught.value.text == "$..v"


FUNCTIONS = "functions are not part of this dialect"
JMESPATH = "use a CalculatedContent template with a JMESPath expression instead"
QUOTES = "a text in a filter needs single quotes"
NAME = "write ['name']"
BLANK = "put a blank after the number"
REGEX = "the regular expression is invalid"
TOO_LARGE = "the regular expression is too large"
NUMBER_END = 'a number in a filter must be followed by a blank or ")"'


@pytest.mark.parametrize(
    ("text", "position", "message", "suggestion"),
    [
        ("", 0, "the path is empty", "write $ for the whole document"),
        ("  ", 0, "the path is empty", "write $ for the whole document"),
        ("$.", 2, 'a name is missing after "."', ""),
        ("$..", 3, 'a name is missing after ".."', ""),
        ("$.a.", 4, 'a name is missing after "."', ""),
        ("$.a. b", 4, 'a name is missing after "."', ""),
        ("a...b", 1, "more than two dots", "write .. for any depth"),
        ("$.a b", 4, 'unexpected "b" after the end of the path',
         "write a name with blanks as ['my name']"),
        ("$.a]", 3, 'unexpected "]" after the end of the path', ""),
        ("$.a[0]b", 6, '"." is missing before "b"', ""),
        ('$."a"', 2, "a quoted name needs brackets", NAME),
        ("$.'a'", 2, "a quoted name needs brackets", NAME),
        # Brackets.
        ("$.a[", 3, '"[" is not closed', "add ]"),
        ("$.a[0", 3, '"[" is not closed', "add ]"),
        ("$.a(0", 3, '"(" is not closed', "add )"),
        ("$.a['b'", 3, '"[" is not closed', "add ]"),
        ("$.a['b]", 4, '"\'" is not closed', "add a single quote"),
        ("$.a['b\\", 4, '"\'" is not closed', "add a single quote"),
        (r"$['\d']", 3, r'unknown escape "\d"', r"write \\ for a backslash"),
        ("$.a[]", 4, "an index, name or filter is missing in the brackets", ""),
        ("$.a[,1]", 4, "an index, name or filter is missing in the brackets", ""),
        ("$[0,]", 3, 'expected "]" instead of ","', ""),
        ("$[0)", 3, 'expected "]" instead of ")"', ""),
        ("$[1-2]", 3, 'expected "]" instead of "-"', ""),
        ("$[1 2]", 4, 'expected "]" instead of "2"', ""),
        ("$[*,1]", 3, 'expected "]" instead of ","', ""),
        ("$[1:2:3:4]", 7, 'expected "]" instead of ":"', ""),
        ("$[0,1:2]", 5, 'expected "]" instead of ":"', ""),
        ("$['a',b]", 6, 'a name in single quotes is missing after ","', ""),
        ("$['a' b]", 6, 'expected "]" instead of "b"', ""),
        ('$["a"]', 2, "a name in brackets needs single quotes", NAME),
        ("$[‘a’]", 2, "a name in brackets needs single quotes", NAME),
        ("$[name]", 2, 'unexpected "n" in brackets', "write a name as ['name']"),
        ("$[-1]", 2, "a single index cannot be negative",
         "write [-1:] to count from the end"),
        ("$[ -3 ]", 3, "a single index cannot be negative",
         "write [-3:-2] to count from the end"),
        ("$[0, -1]", 5, "a single index cannot be negative",
         "write [-1:] to count from the end"),
        ("$[::0]", 4, "the step of a slice cannot be 0",
         "leave the step out or write 1"),
        ("$[2147483648]", 2, "the number is too large for an index", ""),
        ("$[:-2147483648]", 3, "the number is too large for an index", ""),
        (f"$[{'9' * 5000}]", 2, "the number is too large for an index", ""),
        # What other dialects have.
        ("$.a.length()", 4, FUNCTIONS, JMESPATH),
        ("length(@.a)", 0, FUNCTIONS, JMESPATH),
        ("$[?(length(@.a) > 2)]", 4, FUNCTIONS, JMESPATH),
        ("$[?(@.a.size() > 2)]", 8, FUNCTIONS, JMESPATH),
        ("$[(@.length-1)]", 2, "script expressions are not part of this dialect",
         "write [-1:] for the last item"),
        ("$[?@.a]", 3, '"(" is missing after "?"', "write the filter as [?(@.name)]"),
        ("$[?(!@.a)]", 4, "filters have no negation",
         "test for the opposite, for example with !="),
        ("$[?(@a && (@b || @c))]", 10, "filters have no grouping parentheses",
         "list the alternatives: @.a && @.b || @.a && @.c"),
        # Filters.
        ("$[?(@a", 3, '"(" is not closed', "add )"),
        ("$[?(@a]", 6, 'expected "&&", "||" or ")" instead of "]"', ""),
        ("$[?(@a)", 1, '"[" is not closed', "add ]"),
        ("$[?(@a ==", 3, '"(" is not closed', "add )"),
        ("$[?(@a == 5", 3, '"(" is not closed', "add )"),
        ("$[?()]", 4, "expected a path or a value", "start a path with @ or $"),
        ("$[?(@.)]", 6, 'a name is missing after "."', ""),
        ("$[?(@a ==)]", 9, "expected a path or a value", "start a path with @ or $"),
        ("$[?(@a &&)]", 9, "expected a path or a value", "start a path with @ or $"),
        ("$[?(@a & @b)]", 7, 'a single "&" is no operator', "write &&"),
        ("$[?(@a | @b)]", 7, 'a single "|" is no operator', "write ||"),
        ("$[?(@a and @b)]", 7, 'expected "&&", "||" or ")" instead of "a"', "write &&"),
        ("$[?(@a OR @b)]", 7, 'expected "&&", "||" or ")" instead of "O"', "write ||"),
        ("$[?(@a = 1)]", 7, '"=" is no operator', "write =="),
        ("$[?(@a eq 1)]", 7, "expected an operator",
         "write one of == != < <= > >= =~"),
        ("$[?(@a == 1 == 2)]", 12, 'expected "&&", "||" or ")" instead of "="', ""),
        ("$[?(a == 1)]", 4, "a path in a filter starts with @", "write @.a"),
        ("$[?(@a == b)]", 10, "a path in a filter starts with @", "write @.b"),
        ('$[?(@a == "x")]', 10, QUOTES, "write 'text'"),
        ("$[?(@a == ’x’)]", 10, QUOTES, "write 'text'"),
        ("$[?(@a == 'x)]", 10, '"\'" is not closed', "add a single quote"),
        (r"$[?(@a == '\x')]", 11, r'unknown escape "\x"', r"write \\ for a backslash"),
        ("$[?(true)]", 4, "a value alone is no condition", "compare it with a path"),
        ("$[?(@a && 'x')]", 10, "a value alone is no condition",
         "compare it with a path"),
        ("$[?(@.a>5&&@.b)]", 9, NUMBER_END, BLANK),
        ("$[?(@.a>5.5e1x)]", 13, NUMBER_END, BLANK),
        ("$[?(5==@.a)]", 5, NUMBER_END, BLANK),
        ("$[?(@a > -)]", 9, "expected a path or a value", "start a path with @ or $"),
        ("$[?(@a > 9223372036854775808)]", 9, "the number does not fit 64 bits", ""),
        (f"$[?(@a > {'9' * 5000})]", 9, "the number does not fit 64 bits", ""),
        # Regular expressions.
        ("$[?(@a =~ 'x')]", 10, "a regular expression is missing after =~",
         "write =~ /pattern/"),
        ("$[?(@a == /x/)]", 10, "a regular expression goes with =~",
         "write @.name =~ /pattern/"),
        ("$[?(@a =~ /x)]", 10, '"/" is not closed', "add /"),
        ("$[?(@a =~ /x/ig)]", 14, 'unknown flag "g"', "the flags are i, m, s and x"),
        ("$[?(@a =~ /a(b/)]", 14, f"{REGEX}: missing )", ""),
        (r"$[?(@a =~ /\Za{2}?)b/)]", 18, f"{REGEX}: unbalanced parenthesis", ""),
        ("$[?(@a =~ /a(b|(?R))/)]", 15,
         f"{REGEX}: recursion is not part of .NET's regular expressions", ""),
        ("$[?(@a =~ /a(*b)/)]", 12, f"{REGEX}: nothing to repeat",
         r"write \( for a parenthesis"),
        ("$[?(@a =~ /a[b/)]", 12, f"{REGEX}: the set is not closed",
         r"add ], or write \[ for a bracket"),
        ("$[?(@a =~ /[a-z-[aeiou]]/)]", 11, f"{REGEX}: sets cannot be subtracted",
         "write (?![aeiou])[a-z]"),
        (f"$[?(@a =~ /{'a' * 10_001}/)]", 11, TOO_LARGE, ""),
        (f"$[?(@a =~ /{'(' * 5000}/)]", 11, TOO_LARGE, ""),
        (f"$[?(@a{'[?(@a' * 20}", 83, "filters are nested too deeply", ""),
    ],
)  # fmt: skip
def test_a_malformed_path_is_refused_with_its_place(
    text, position, message, suggestion
):
    with pytest.raises(JsonPathError) as caught:
        compile_path(text)

    error = caught.value
    assert (error.position, error.message) == (position, message)
    assert (error.suggestion, str(error)) == (suggestion, message)


@pytest.mark.parametrize("medtech", [False, True])
def test_a_path_survives_pickling_as_itself(medtech):
    path = compile_path("$..[?(@v && @t == 'hr' || @x)].v", medtech=medtech)

    for twin in (pickle.loads(pickle.dumps(path)), copy.deepcopy(path)):  # noqa: S301
        assert (twin, hash(twin), twin.text) == (path, hash(path), path.text)
        assert twin.medtech is medtech
        assert twin.find(MESSAGE) == path.find(MESSAGE) == [60, None]
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING  # noqa: S301


def test_paths_are_equal_by_text_and_reading():
    path = compile_path("$.a")

    assert path == compile_path("$.a")
    assert path != compile_path("$['a']")
    assert path != compile_path("$.a", medtech=True)
    assert path != "$.a"
    assert isinstance(path, JsonPath)
    assert repr(path) == "compile_path('$.a')"
    assert (
        repr(compile_path("$.a", medtech=True)) == "compile_path('$.a', medtech=True)"
    )


@pytest.mark.parametrize(
    "error", [JsonPathError("message", 3, "hint"), EvaluationError("message", "$..a")]
)
def test_errors_survive_pickling(error):
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301

    assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize(
    "text",
    [
        "$..a", "$..nope", "$..*", "$..[?(@a)]", "$..[?(@ == 1)]", "$..[?(@[0])]",
        "$..z..b", "$..z..[?(@b)]", "$..[?(@..b == 1)]", "$..[?(@a[?(@b)])]",
        "$..['a','b']", "$" + ".a[0]" * 500, "$" + "['a','b'][*]" * 500 + ".*",
    ],
)  # fmt: skip
def test_documents_and_paths_go_1000_deep_without_recursion(text):
    document = {"a": 1, "z": {"b": 1}}
    for _ in range(500):
        document = {"a": [document], "b": 1}

    for medtech in (False, True):
        path = compile_path(text, medtech=medtech)
        found = path.find(document)
        if text != "$..nope":
            assert len(found) > 0
        assert [id(at.token) for at in path.locate(document)] == [*map(id, found)]


@pytest.mark.parametrize("part", ["2147483647", "-2147483647:2147483647:2147483647"])
def test_huge_numbers_in_brackets_cost_nothing(part):
    assert compile_path(f"$[{part}]").find(DIGITS) == [0][: part.count(":")]


def test_numbers_at_the_edge_do_not_break_comparisons():
    document = [2**64 - 1, 1e308, -1e308, math.inf]

    assert compile_path("$[?(@ > 1e308)]").find(document) == [math.inf]
    assert compile_path("$[?(@ == 1e999)]").find(document) == [math.inf]
    assert compile_path("$[?(@ < '1e400')]").find(document) == document[:3]
