"""Paths whose work grows faster than the document are counted, and stopped."""

import pytest

from transforms import jsonpath
from transforms.evaluation import WorkError
from transforms.jsonpath import compile_path

CHAIN = {"a": 1}
for _ in range(400):
    CHAIN = {"a": CHAIN, "b": [CHAIN]} if _ < 8 else {"a": CHAIN}

PAIRS: list = []
for _ in range(40):
    PAIRS = [{"a": PAIRS}]

ROWS = [{"a": row, "b": [str(row)], "long": "x" * 300} for row in range(1500)]


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("$..*..*", CHAIN),
        ("$..a..a..a", CHAIN),
        ("$..['a','a']..['a','a']", CHAIN),
        ("$..[?(@..nope)]", [CHAIN] * 5),
        ("$[?(@a == $[*].a)]", ROWS),
        ("$[?($..nope)]", ROWS),
        ("$[?($[0].long =~ /^x*x$/)].a", ROWS * 10),
        ("$[?($[0].long =~ /x+y/)].a", ROWS),
        ("$[?(@b[*] == $[*].b[*])]", ROWS),
        ("$" + "['a','a']" * 40, CHAIN),
        ("$" + "[0,0]['a']" * 40, PAIRS),
        ("$['a'" + ",'a'" * 300_000 + "]", CHAIN),
        ("$[0,0][?('x' < $[*].long)]", [ROWS, *ROWS]),
    ],
)
@pytest.mark.parametrize("medtech", [False, True])
def test_too_much_work_is_an_error(text, document, medtech, monkeypatch):
    monkeypatch.setattr(jsonpath, "MOST_STEPS", 100_000)
    path = compile_path(text, medtech=medtech)

    for evaluate in (path.find, path.select, path.locate):
        try:
            found = evaluate(document)
        except WorkError as error:
            assert str(error).endswith("too much work on this message")  # noqa: PT017
            assert error.text == text  # noqa: PT017
        else:
            pytest.fail(f"found {len(found)}")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("$..*", 150_001),
        ("$..a", 30_000),
        ("$..[?(@a > 5 && @b[0].c)]", 29_994),
        ("$[*].b[*].c", 30_000),
        ("$[?(@..c)].a", 30_000),
        ("$[?(@.a < $[29999].a)]", 29_999),
    ],
)
def test_linear_paths_are_not_counted(text, count, monkeypatch):
    monkeypatch.setattr(jsonpath, "MOST_STEPS", 0)
    rows = [{"a": row, "b": [{"c": row}]} for row in range(30_000)]

    assert len(compile_path(text).find(rows)) == count


@pytest.mark.parametrize("text", ["$.d[?(@ < $.big)]", "$.d[?($.big == @)]"])
@pytest.mark.parametrize("big", ["1" * 1_000_000, "é" * 1_000_000, " " * 1_000_000])
def test_a_long_text_is_not_read_again_for_every_candidate(text, big):
    document = {"big": big, "d": ["é\ue000", "1", None] * 20_000}
    compile_path(text).find({"big": big, "d": [*range(50_000)]})
    for medtech in (False, True):
        compile_path(text, medtech=medtech).find(document)
