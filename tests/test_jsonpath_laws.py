"""What holds for every JSONPath and every document."""

import pickle
from collections import Counter

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonpath_ng.ext import parse as parse_with_jsonpath_ng

from transforms.date_token import with_dates
from transforms.evaluation import MISSING, EvaluationError, MultipleTokensError
from transforms.jsonpath import JsonPathError, compile_path
from transforms.jsonpath_functions import Functions
from transforms.jsonpath_syntax import parse
from transforms.jsonpath_traits import is_linear
from transforms.jsonpath_values import COMPARISONS

# jsonpath-ng as an oracle, where the dialects agree.

NAMES = st.sampled_from(["a", "b", "c", "x y", "d-e", "$f"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
    ),
    max_leaves=25,
)
BOUNDS = st.none() | st.integers(-5, 5)


def slice_text(start, stop, step):
    bounds = ["" if bound is None else str(bound) for bound in (start, stop)]
    return f"[{':'.join(bounds)}{'' if step is None else f':{step}'}]"


# Each step as text for this module and as text for jsonpath-ng. There, [*] and [?] also
# enter objects and scalars and a slice wraps scalars, so all three follow a step that
# is known to lead to a list: the oracle's results are filtered by kind below.
NAMED = NAMES.map(lambda name: (f"['{name}']", f"['{name}']"))
DOTTED = st.sampled_from("abc").map(lambda name: (f".{name}", f".{name}"))
SCANNED = st.sampled_from("abc").map(lambda name: (f"..{name}", f"..{name}"))
INDEXED = st.integers(0, 4).map(lambda index: (f"[{index}]", f"[{index}]"))
SLICED = st.builds(slice_text, BOUNDS, BOUNDS, st.none() | st.integers(1, 3)).map(
    lambda text: (text, text)
)
STARRED = st.just(("[*]", "[*]"))
FILTERED = st.sampled_from("abc").map(lambda name: (f"[?(@{name})]", f"[?(@.{name})]"))
# It compares as Python does, for which true is 1, and so only texts are compared.
COMPARED = st.tuples(st.sampled_from("abc"), st.sampled_from(["", "a"])).map(
    lambda pair: (f"[?(@{pair[0]} == '{pair[1]}')]", f"[?(@.{pair[0]} == '{pair[1]}')]")
)
ONE_STEP = st.one_of(
    NAMED, DOTTED, SCANNED, INDEXED, SLICED, STARRED, FILTERED, COMPARED
)


def oracle(document, steps):
    """Lets jsonpath-ng take one step at a time, from nodes of a kind it agrees on."""
    nodes = [document]
    for _, text in steps:
        wanted = (dict, list) if text.startswith("..") else dict
        if text[0] == "[" and text[1] != "'":
            wanted = list
        path = parse_with_jsonpath_ng("$" + text)
        nodes = [
            match.value
            for node in nodes
            if isinstance(node, wanted)
            for match in path.find(node)
        ]
    return nodes


@given(DOCUMENTS, st.lists(ONE_STEP, max_size=4))
def test_jsonpath_ng_finds_the_same(document, steps):
    text = "$" + "".join(ours for ours, _ in steps)

    ours = compile_path(text).find(document)
    theirs = oracle(document, steps)

    if ".." in text:
        # The dialects scan in different orders.
        assert Counter(map(orjson.dumps, ours)) == Counter(map(orjson.dumps, theirs))
    else:
        assert [orjson.dumps(node) for node in ours] == [
            orjson.dumps(node) for node in theirs
        ]


@given(DOCUMENTS, st.lists(ONE_STEP, max_size=3), st.booleans())
def test_a_document_without_a_required_name_has_no_match(document, steps, scan):
    text = "$" + "".join(ours for ours, _ in steps) + ("..[?(@a && @b)]" * scan)
    path = compile_path(text)

    raw = orjson.dumps(document).decode()
    if any(f'"{name}"' not in raw for name in path.required_names):
        assert path.find(document) == []


@given(DOCUMENTS)
def test_a_scan_filter_tests_every_node_once_in_document_order(document):
    def nodes_of(node):
        yield node
        children = node.values() if isinstance(node, dict) else node
        if isinstance(node, dict | list):
            for child in children:
                yield from nodes_of(child)

    def with_a(node):
        return isinstance(node, dict) and "a" in node

    def one(node):
        return type(node) is int and node == 1

    nodes = list(nodes_of(document))

    def same(text, expected):
        found = compile_path(text).find(document)
        return [id(node) for node in found] == [id(node) for node in expected]

    assert same("$..*", nodes)
    assert same("$..[?(@a)]", [node for node in nodes if with_a(node)])
    assert same("$..[?(@ == 1)]", [node for node in nodes if one(node)])
    either = [node for node in nodes if with_a(node) or one(node)]
    assert same("$..[?(@a || @ == 1)]", either)


def error_position(text, medtech):
    try:
        compile_path(text, medtech=medtech)
    except JsonPathError as error:
        return error.position
    return None


@given(
    st.text() | st.text("$@.*[]()?:,'\"\\/=~!<>&| -019eabtrue\n“", max_size=30),
    st.booleans(),
)
def test_any_text_is_a_path_or_a_json_path_error(text, medtech):
    assert 0 <= (error_position(text, medtech) or 0) <= len(text)


PIECES = (
    "$ @ . .. * [ ] ( ) ?( 'a' a == =~ /a/i && || -1 : , null [?(@a )] [?(@a== ! < 1"
)


@given(
    st.lists(st.sampled_from([" ", "1 ", *PIECES.split()]), max_size=12).map("".join),
    DOCUMENTS,
)
def test_any_path_that_compiles_runs_on_any_document(text, document):
    assume(error_position("$" + text, False) is None)
    found = compile_path("$" + text).find(document)
    assert isinstance(found, list)


# Valid paths of every kind.

DATES = ["2026-10-04T07:12:31Z", "2026-10-04T09:12:31.1234567+02:00", "2026-10-04"]
TEXTS = st.sampled_from(["", "a", "60", " 6e1 ", "true", "ü", "\U0001f600", *DATES])
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, -1.0, 60, 2**63, -(2**63), 2**64 - 1, 1e308])
    | TEXTS
)
WILD_DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=4)
    ),
    max_leaves=20,
)
QUOTED = st.lists(st.sampled_from(["'a'", "'b'", "'x y'"]), min_size=1, max_size=3)
LISTED = st.lists(st.integers(0, 3).map(str), min_size=1, max_size=3)
PLAIN_STEPS = st.one_of(
    st.sampled_from([".a", ".b", "..a", "..b", ".*", "..*", "[*]", "(*)"]),
    st.tuples(st.sampled_from(["", ".", ".."]), QUOTED.map(",".join)).map(
        lambda parts: f"{parts[0]}[{parts[1]}]"
    ),
    LISTED.map(", ".join).map("[{}]".format),
    st.builds(slice_text, BOUNDS, BOUNDS, st.none() | st.sampled_from([-2, -1, 1, 2])),
)
LITERALS = st.one_of(
    TEXTS.map("'{}'".format),
    st.sampled_from(["1 ", "0.5 ", "-1 ", "60 ", "true", "false", "null"]),
)
OPERATORS = st.sampled_from("== != === !== <> < <= > >=".split())
PATTERNS = st.sampled_from(["/a/", "/^[0-9]+/i", "/(a|b)+$/", "/-10-/"])


def filters(steps):
    """Filters whose paths consist of some steps."""
    paths = st.tuples(
        st.sampled_from("@@@$"), st.lists(steps, max_size=3).map("".join)
    ).map("".join)
    tests = st.one_of(
        paths,
        st.tuples(paths | LITERALS, OPERATORS, paths | LITERALS).map(" ".join),
        st.tuples(paths, st.just("=~"), PATTERNS).map(" ".join),
    )
    conditions = st.lists(
        st.tuples(st.sampled_from([" && ", " || "]), tests), min_size=1, max_size=4
    ).map(lambda pairs: "".join(f"{word}{test}" for word, test in pairs)[4:])
    return st.tuples(st.sampled_from(["", "..", "."]), conditions).map(
        lambda parts: f"{parts[0]}[?({parts[1]} )]"
    )


STEPS = PLAIN_STEPS | filters(PLAIN_STEPS | filters(PLAIN_STEPS))
PATHS = st.lists(STEPS, max_size=4).map("".join).map("${}".format)


def result(evaluate, document):
    """What an evaluation finds as JSON, or the kind of its error."""
    try:
        found = evaluate(document)
    except EvaluationError as error:
        return type(error)
    return MISSING if found is MISSING else repr(found)


@given(PATHS, WILD_DOCUMENTS, st.booleans())
def test_a_path_finds_something_or_raises_an_evaluation_error(text, document, medtech):
    path = compile_path(text, medtech=medtech)
    if medtech:
        document = with_dates(document)
    found = result(path.find, document)
    if isinstance(found, type):
        assert medtech
        assert result(path.select, document) is found
        assert result(path.locate, document) is found
        return

    tokens = path.find(document)
    if len(tokens) > 1:
        with pytest.raises(MultipleTokensError):
            path.select(document)
    else:
        assert path.select(document) is (tokens[0] if tokens else MISSING)
    assert not path.never or not isinstance(document, dict) or not tokens


@given(PATHS, WILD_DOCUMENTS, st.booleans())
def test_what_is_located_is_what_is_found_where_it_is(text, document, medtech):
    path = compile_path(text, medtech=medtech)
    if medtech:
        document = with_dates(document)
    found = result(path.find, document)
    if isinstance(found, type):
        return
    places = path.locate(document)

    assert [id(at.token) for at in places] == [*map(id, path.find(document))]
    for at in places:
        token, parents = document, []
        for key in at.path:
            if isinstance(token, dict):
                parents.insert(0, token)
            token = token[key]
        assert token is at.token
        assert [*map(id, at.parents)] == [*map(id, parents)]


@given(PATHS, WILD_DOCUMENTS)
def test_both_ways_to_evaluate_agree(text, document):
    finder = Functions(COMPARISONS, fails=False).finder(parse(text))

    fast = finder(document, document)
    counted = [at.token for at in compile_path(text).locate(document)]

    assert [*map(id, fast)] == [*map(id, counted)]


@given(PATHS, WILD_DOCUMENTS)
def test_medtech_finds_the_same_unless_its_path_or_values_differ(text, document):
    here, there = compile_path(text), compile_path(text, medtech=True)
    found = result(there.find, document)

    if not here.differences and isinstance(found, str):
        whole = [2**63, 2**64 - 1]  # compared without tolerance there
        assume(not any(str(number) in repr(document) for number in whole))
        assert found == result(here.find, document)


@given(PATHS, st.booleans())
def test_every_path_survives_pickling(text, medtech):
    path = compile_path(text, medtech=medtech)

    twin = pickle.loads(pickle.dumps(path))  # noqa: S301

    assert (twin, twin.names, twin.whole) == (path, path.names, path.whole)
    assert repr(twin) == repr(path)


@given(PATHS)
def test_names_that_are_required_are_mentioned(text):
    path = compile_path(text)

    assert path.required_names <= path.names
    assert path.whole or is_linear(parse(text))
