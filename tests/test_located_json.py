"""The lenient reader of mapping files: values, positions, errors."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.located_json import (
    MAX_DEPTH,
    LocatedJsonError,
    Member,
    Members,
    Node,
    parse,
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("null", None),
        ("true", True),
        (" false ", False),
        ("-12", -12),
        ("0", 0),
        ("1.5e3", 1500.0),
        ("1E2", 100.0),
        ('"text"', "text"),
        ("'it is \"quoted\"'", 'it is "quoted"'),
        ('"it\'s"', "it's"),
        (r'"\"\\\/\b\f\n\r\t\'"', "\"\\/\b\f\n\r\t'"),
        (r'"\u00b5\ud83d\ude00"', "µ😀"),
        ('"two\nlines"', "two\nlines"),
        ("[]", []),
        ("[1,]", [1]),
        ("{}", {}),
        ("{ }", {}),
        ("{a: 1, $b_2: 2, 3: 4,}", {"a": 1, "$b_2": 2, "3": 4}),
        ("\ufeff{'a': [1, {\"b\": null}]}", {"a": [1, {"b": None}]}),
        ("// one\n/* two **/ {/**/'a'//x\n:/*y*/1/*z*/}//end", {"a": 1}),
        ("\u00a0[\t1\r\n,2]", [1, 2]),
        ('{"a": 1, "b": 2, "a": 3}', {"b": 2, "a": 3}),
    ],
)
def test_lenient_json_is_read_as_newtonsoft_reads_it(text, plain):
    value = parse(text).plain()

    assert (value, type(value)) == (plain, type(plain))


def test_every_value_and_key_keeps_its_place():
    text = '{ // comment\r\n  "typeName": "hr",\n\tvalues: [ 1,\r{} ]\n}'

    type_name = Member("typeName", 2, 3, Node("hr", 2, 15))
    items = (Node(1, 3, 12), Node(Members({}), 4, 1))
    values = Member("values", 3, 2, Node(items, 3, 10))
    members = Members({"typeName": type_name, "values": values})
    assert parse(text) == Node(members, 1, 1)


def test_of_equal_keys_the_last_wins_and_the_others_stay_visible():
    members = parse('{"a": 1,\n "a": 2,\n "b": 3,\n "a": 4}').value

    assert isinstance(members, Members)
    assert list(members) == [
        Member("b", 3, 2, Node(3, 3, 7)),
        Member("a", 4, 2, Node(4, 4, 7)),
    ]
    assert members.duplicates == (
        Member("a", 1, 2, Node(1, 1, 7)),
        Member("a", 2, 2, Node(2, 2, 7)),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("typename", 1),
        ("TypeName", 2),
        ("TYPENAME", 1),
        ("µ", 3),
        ("straße", 4),
        ("STRASSE", None),
        ("type", None),
    ],
)
def test_a_member_is_found_exactly_or_else_whatever_its_case(name, value):
    members = parse('{"typename": 1, "TypeName": 2, "µ": 3, "Straße": 4}').value

    assert isinstance(members, Members)
    found = members.get(name)
    assert (None if found is None else found.node.value) == value


@pytest.mark.parametrize(
    ("text", "value", "places"),
    [
        ('  "abc"', "abc", [(1, 4), (1, 5), (1, 6), (1, 7)]),
        (r'"a\"b\u00b5c"', 'a"bµc', [(1, 2), (1, 3), (1, 5), (1, 6), (1, 12), (1, 13)]),
        (r'"\ud83d\ude00x"', "😀x", [(1, 2), (1, 14), (1, 15)]),
        ('"a\r\nb"', "a\r\nb", [(1, 2), (1, 3), (1, 4), (2, 1), (2, 2)]),
        ('""', "", [(1, 2)]),
    ],
)
def test_an_offset_in_a_text_leads_back_to_the_file(text, value, places):
    node = parse(text)

    assert node.value == value
    assert [node.position_of(offset) for offset in range(len(value) + 1)] == places


def test_the_position_in_a_value_that_is_no_text_is_its_own():
    assert parse("\n 12").position_of(1) == (2, 2)


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "suggestion"),
    [
        ("", 1, 1, "the text is empty", "write a JSON object"),
        (" // x\n ", 1, 1, "the text is empty", "write a JSON object"),
        ("1 2", 1, 3, "unexpected content after the end of the document", ""),
        ("{}\n}", 2, 1, "unexpected content after the end of the document", ""),
        ("[", 1, 2, "expected a value", "the file ends too early"),
        ("[1", 1, 3, "[ opened at line 1, column 1 is not closed", "add ]"),
        ('{"a": 1\n', 2, 1, "{ opened at line 1, column 1 is not closed", "add }"),
        ("[1 2]", 1, 4, "expected ',' or ']' after an item", ""),
        ('{"a": 1 "b": 2}', 1, 9, "expected ',' or '}' after a member", ""),
        ('{"a": 1]', 1, 8, "expected ',' or '}' after a member", ""),
        ('{"a" 1}', 1, 6, "expected ':' after the key \"a\"", ""),
        ("{a-b: 1}", 1, 3, "expected ':' after the key \"a\"", ""),
        ("{,}", 1, 2, "expected a key or '}'", ""),
        ("[1,,2]", 1, 4, "expected a value", ""),
        ("{“a”: 1}", 1, 2, "expected a key or '}'", "replace “ by a straight quote"),
        ("[ ‘a’ ]", 1, 3, "expected a value", "replace ‘ by a straight quote"),
        ('{"a": "b}', 1, 7, "the text is not closed", 'add the closing "'),
        ("{'a\\", 1, 2, "the text is not closed", "add the closing '"),
        (
            '{"a": "x,\n "b": 1}',
            2,
            3,
            "expected ',' or '}' after a member",
            "the text that begins at line 1, column 7 spans lines: "
            "its closing quote may be missing",
        ),
        ("[1 /* 2]", 1, 4, "the comment is not closed", "add */"),
        (r'["a\d"]', 1, 4, r"unknown escape \d", r"write \\ for a backslash"),
        (r'["\u12"]', 1, 3, r"\u needs four hexadecimal digits", ""),
        (r'["\ud83d"]', 1, 3, "half of a surrogate pair", "write both halves"),
        (r'["\ude00"]', 1, 3, "half of a surrogate pair", "write both halves"),
        (r'["\ud83d\u0041"]', 1, 3, "half of a surrogate pair", "write both halves"),
        ("[abc]", 1, 2, "abc is no JSON value", 'a text needs quotes: "abc"'),
        ("[True]", 1, 2, "True is no JSON value", "write true"),
        ("[NaN]", 1, 2, "NaN is no JSON value", "JSON has finite numbers only"),
        ("[-]", 1, 2, "not a JSON number", "write it like -12, 0.5 or 1e3"),
        ("[.5]", 1, 2, "not a JSON number", "write it like -12, 0.5 or 1e3"),
        ("[+1]", 1, 2, "not a JSON number", "write it like -12, 0.5 or 1e3"),
        ("[01]", 1, 2, "not a JSON number", "write it like -12, 0.5 or 1e3"),
        ("[1.]", 1, 2, "not a JSON number", "write it like -12, 0.5 or 1e3"),
        ("[0x1F]", 1, 2, "not a JSON number", "write it like -12, 0.5 or 1e3"),
        ("[-Infinity]", 1, 2, "not a JSON number", "write it like -12, 0.5 or 1e3"),
        ("[1e999]", 1, 2, "the number is too large", ""),
        ("9" * 5000, 1, 1, "the number is too large", ""),
        ("/", 1, 1, "expected a value", ""),
    ],
)
def test_an_error_says_what_where_and_how_to_mend_it(
    text, line, column, message, suggestion
):
    with pytest.raises(LocatedJsonError) as caught:
        parse(text)

    error = caught.value
    assert (error.line, error.column) == (line, column)
    assert (error.message, error.suggestion) == (message, suggestion)
    assert str(error) == f"line {line}, column {column}: {message}"


@pytest.mark.parametrize("opening", ["[", '{"a":', "[{a:"])
def test_deep_nesting_is_an_error_of_the_file_and_not_of_python(opening):
    with pytest.raises(LocatedJsonError, match="nested deeper than 64 levels"):
        parse(opening * 10_000)


def test_the_deepest_allowed_document_is_read():
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH

    assert parse(text).plain() == json.loads(text)


FINITE = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(min_value=-(2**63), max_value=2**64 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | INTEGERS | FINITE | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


def nodes_of(node):
    yield node
    if isinstance(node.value, Members):
        for member in node.value:
            yield from nodes_of(member.node)
    elif isinstance(node.value, tuple):
        for item in node.value:
            yield from nodes_of(item)


@given(DOCUMENTS, st.sampled_from([None, 1]), st.booleans())
def test_strict_json_is_read_as_orjson_reads_it(document, indent, ascii_only):
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)

    root = parse(text)

    assert root.plain() == orjson.loads(text)
    lines = text.split("\n")
    for node in nodes_of(root):
        start = lines[node.line - 1][node.column - 1]
        assert (start == "{") == isinstance(node.value, Members)
        assert (start == "[") == isinstance(node.value, tuple)
        if isinstance(node.value, str):
            assert start == '"'
            for offset, char in enumerate(node.value):
                line, column = node.position_of(offset)
                assert lines[line - 1][column - 1] in (char, "\\")


def place_of_error(text):
    try:
        parse(text)
    except LocatedJsonError as error:
        return error.line, error.column
    return 1, 1


@given(
    st.text()
    | st.text("[]{}:,\"'\\/*un truefalsn0123456789.-+eE\n\ufeff“$", max_size=30)
)
def test_no_text_fails_otherwise_than_with_a_place_in_it(text):
    line, column = place_of_error(text)

    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    assert 1 <= column <= len(lines.split("\n")[line - 1]) + 2
