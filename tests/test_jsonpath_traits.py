"""What is said of a JSONPath before it meets a document."""

import pytest

from transforms.jsonpath import compile_path
from transforms.jsonpath_syntax import parse
from transforms.jsonpath_traits import is_linear


@pytest.mark.parametrize(
    ("text", "medtech", "names"),
    [
        ("$", False, set()),
        ("$.Body.data[*].v", False, {"Body", "data", "v"}),
        ("$['Body']['a','b']", False, {"Body"}),
        ("$..a.*..b[0][1:]", False, {"a", "b"}),
        ("$..[?(@heartRate && @unit)]", False, {"heartRate", "unit"}),
        ("$..[?(@a || @b)]", False, set()),
        ("$..[?(@a && @b || @a && @c)]", False, {"a"}),
        ("$..[?(@a && @b || @c)]", False, set()),
        ("$..[?(@a && @b || @c)]", True, {"a"}),
        ("$..[?(@a || @b && @c)]", True, set()),
        ("$..[?(@.type == 'hr')]", False, {"type"}),
        ("$..[?(@.type != 'hr')]", False, {"type"}),
        ("$.x[?(@.a.b > $.limits..max)].y", False, set("abxy") | {"limits", "max"}),
        ("$..[?(@a[?(@b)])]", False, {"a", "b"}),
        ("$..[?(1 == 1)]", False, set()),
    ],
)
def test_required_names(text, medtech, names):
    assert compile_path(text, medtech=medtech).required_names == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("$", ""),
        ("$.a['b','c']..d[0][*].*", "abcd"),
        ("$..[?(@a && @b.c == $.d..e || @['f'][?(@g =~ /h/)] == 'i')].j", "abcdefgj"),
    ],
)
def test_names_are_all_that_a_path_mentions(text, names):
    assert compile_path(text).names == set(names)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("$", False),
        ("$.a['b'][0].c", False),
        ("$['a','b']", True),
        ("$[0,1]", True),
        ("$.a[*]", True),
        ("$.a.*", True),
        ("$.a[1:]", True),
        ("$..a", True),
        ("$[?(@a)]", True),
    ],
)
def test_a_path_of_single_steps_does_not_walk_through_the_whole(text, whole):
    assert compile_path(text).whole is whole


@pytest.mark.parametrize(
    "text",
    [
        "$.a[0].b",
        "$..a",
        "$..a.b[*].*[1:]['x','y'][0,1]",
        "$.a[*]..b.c",
        "$..[?(@a == 1 && @b.c[0] > $.d.e)]",
        "$..[?(@a[*] == 'x')].b[?(@.c)]",
        "$..[?(@a[?(@b[?(@c)])])]",
        "$[?(@..x)]",
        "$.a[*][?(@..x == 1)].b",
        "$[?(@a[?(@..b)])]",
        "$..[?(@a =~ /x/)]",
    ],
)
def test_these_paths_are_linear(text):
    assert is_linear(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "$..a..b",
        "$..*..*",
        "$..[?(@a)]..b",
        "$..a[?(@b)]..c",
        "$..a[?(@..b)]",
        "$..[?(@..x)]",
        "$..[?(@a[?(@..b)])]",
        "$[?(@..a..b)]",
        "$[?($..a)]",
        "$[?($[*])]",
        "$[?(@ == $[*])]",
        "$[?(@a[*] == @b[*])]",
        "$[?($.a =~ /x/)]",
        "$['a','a']",
        "$[0,0]",
        "$[?(@['a','a'])]",
    ],
)
def test_these_paths_are_not(text):
    assert not is_linear(parse(text))


ARRAY = "the document is an object, and "
NUMBER = "a number in brackets finds items of an array"
FILTER = "[?( … )] tests the items of an array; write ..[?( … )]"
ITEMS = "[*] finds the items of an array; write .*"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$", ""),
        ("$.a[0]", ""),
        ("$..a[0]", ""),
        ("$..[?(@a)]", ""),
        ("$..*[*]", ""),
        ("$..[?(@a || @ == 1)][0]", ""),
        ("$..[?(@a)].b[?(@c)]", ""),
        ("$[?(@a)]", ARRAY + FILTER),
        ("$.[?(@a)].b", ARRAY + FILTER),
        ("$[*].a", ARRAY + ITEMS),
        ("$..[*]", ARRAY + ITEMS),
        ("$[0]", ARRAY + NUMBER),
        ("$[1:]", ARRAY + NUMBER),
        ("$..[?(@a)][0]", "the filter before finds objects only, and " + NUMBER),
        ("$.b[?(@a == 1)][*]", "the filter before finds objects only, and " + ITEMS),
        ("$..[?(@[0])].a", "the filter before finds arrays only, and a name finds"
         " members of an object; list the items first, with [*]"),
        ("$..[?(@[0])].*", "the filter before finds arrays only, and .* finds the"
         " members of an object; write [*]"),
    ],
)  # fmt: skip
def test_paths_that_find_nothing_in_any_object(text, reason):
    assert compile_path(text).never == reason


@pytest.mark.parametrize(
    ("text", "differences"),
    [
        ("$.a", []),
        ("$..[?(@a || @b && @c)]", []),
        ("$..[?(@a && @b && @c)]", []),
        ("$..[?(@a || @b || @c && @d && @e)]", []),
        ("$..[?(@a && @b.c == 'x || y'  || @d)]",
         [(30, "&& and ||: here (@a && @b.c == 'x || y') || @d,"
               " in MedTech @a && (@b.c == 'x || y' || @d)")]),
        ("$..[?(@a||@b&&@c||@d)]",
         [(16, "&& and ||: here @a || (@b && @c) || @d,"
               " in MedTech @a || (@b && (@c || @d))")]),
        ("$[?(@a && @b || @c[?(@d && @e || @f)])].x[?(@g && @h || @i)]",
         [(13, "&& and ||: here (@a && @b) || @c[?(@d && @e || @f)],"
               " in MedTech @a && (@b || @c[?(@d && @e || @f)])"),
          (30, "&& and ||: here (@d && @e) || @f, in MedTech @d && (@e || @f)"),
          (53, "&& and ||: here (@g && @h) || @i, in MedTech @g && (@h || @i)")]),
        # Texts that look like times.
        ("$..[?(@t == '2026-10-04')]", []),
        ("$..[?(@t == '2026-10-04T07:12:31Z')]", []),
        ("$..[?(@t != '2026-10-04T07:12:31+02:00')]",
         [(9, "!=: MedTech compares times in its own spelling,"
              " here 2026-10-04T05:12:31+00:00")]),
        ("$..[?(@t > '2026-10-04T07:12:31Z')]",
         [(9, ">: MedTech makes dates of such texts and compares those")]),
        ("$..[?('2026-10-04T07:12:31Z' == @t)]",
         [(29, "==: MedTech makes dates of such texts and compares those")]),
        ("$..[?(@t =~ /2026-10-04T07:12:31Z/)]", []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("medtech", [False, True])
def test_differences_to_medtech_name_their_place(text, differences, medtech):
    assert [*compile_path(text, medtech=medtech).differences] == differences
