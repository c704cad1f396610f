"""No expression on no document takes for ever, or all memory."""

import pytest

from transforms.evaluation import EvaluationError, WorkError
from transforms.jmespath_expression import JmesPath

_TOO_MUCH = "the expression takes too much work on so large a message"
_TOO_DEEP = "the document is nested too deeply for the expression"

TWICE = "[@,@]" + " | [@,@]" * 30
"""Two to the power of 31 copies, in 31 arrays of two."""


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


DOCUMENT = {
    "a": 1,
    "text": 'x"' * 100_000,
    "digits": "1" * 1_000_000 + "x",
    "deep": nested(100_000),
    "many": list(range(300_000)),
    "texts": ["x" * 1000] * 10_000,
}


@pytest.mark.parametrize("medtech", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[@,@][]" + ".[@,@][]" * 30, id="doubling"),
        pytest.param(TWICE, id="sharing"),
        pytest.param("{x: @, y: @}" + " | {x: @, y: @}" * 30, id="sharing members"),
        pytest.param("merge({x: @}, {y: @})" + " | {x: @, y: @}" * 30, id="merge"),
        pytest.param(f"to_string({TWICE})", id="to_string"),
        pytest.param(f"({TWICE}) == ({TWICE})", id="equality"),
        pytest.param(f"contains([{TWICE}], {TWICE})", id="contains"),
        pytest.param("text" + " | join(@, [@, @, @])" * 30, id="join"),
        pytest.param("text" + " | to_string([@])" * 60, id="quotes"),
        pytest.param("text" + " | insertString(@, @, `0`)" * 30, id="insertString"),
        pytest.param("join(text, texts)", id="long join"),
        pytest.param("many[].[@,@,@,@][].[@,@,@,@][].[@,@,@,@][]", id="elements"),
        pytest.param("[digits][]" + ".[@,@][]" * 15 + " | sort(@)", id="sort"),
        pytest.param("[digits][]" + ".[@,@][]" * 15 + " | max_by(@, &@)", id="max_by"),
    ],
)
def test_too_much_work_is_an_error(text, medtech):
    expression = JmesPath(text, medtech=medtech)

    with pytest.raises(WorkError) as caught:
        expression.find(DOCUMENT)

    assert (str(caught.value), caught.value.text) == (_TOO_MUCH, text)


def test_a_single_value_is_computed_in_the_same_bounds():
    with pytest.raises(WorkError):
        JmesPath(TWICE).select(DOCUMENT)


@pytest.mark.parametrize("medtech", [False, True])
@pytest.mark.parametrize(
    "text", ["to_string(deep)", "deep == deep", "contains([deep], deep)"]
)
def test_a_document_too_deep_is_an_error_and_no_crash(text, medtech):
    document = {"deep": nested(100_000)}

    with pytest.raises(EvaluationError) as caught:
        JmesPath(text, medtech=medtech).select(document)

    assert str(caught.value) == _TOO_DEEP


@pytest.mark.parametrize("medtech", [False, True])
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("many[?@ >= `10` && @ < `20`]", 10),
        ("many[*]", 300_000),
        ("many[?to_string(@) == '7']", 1),
        ("map(&[@, @], many) | [*]", 300_000),
        ("sort(many) | [:3]", 3),
        ("deep" + "[]" * 70, 1),
        ("[to_number(digits)]", 1),
        (f"{{{', '.join(f'k{n}: a' for n in range(200))}}}", 1),
    ],
)
def test_large_messages_are_no_error(text, count, medtech):
    assert len(JmesPath(text, medtech=medtech).find(DOCUMENT)) == count
