"""What expressions of either language find, one or many."""

import pytest

from transforms.errors import NormalizationDataMappingError, TemplateExpressionError
from transforms.expressions import Expression, as_record_error
from transforms.jmespath_expression import EvaluationError, JmesPath
from transforms.jsonpath import MISSING, MultipleTokensError, compile_path

DOCUMENT = {
    "Body": {
        "hr": 78,
        "nothing": None,
        "off": False,
        "empty": "",
        "list": [1, None, 3],
        "one": [1],
        "none": [],
    }
}

PATH = compile_path


@pytest.mark.parametrize(
    ("compiled", "token"),
    [
        (PATH("$.Body.hr"), 78),
        (PATH("$.Body.nothing"), None),
        (PATH("$.Body.off"), False),
        (PATH("$.Body.empty"), ""),
        (PATH("$.Body.list"), [1, None, 3]),
        (PATH("$.Body.one[*]"), 1),
        (PATH("$.Body.missing"), MISSING),
        (PATH("$.Body.none[*]"), MISSING),
        (JmesPath("Body.hr"), 78),
        (JmesPath("Body.nothing"), MISSING),
        (JmesPath("Body.off"), False),
        (JmesPath("Body.empty"), ""),
        (JmesPath("Body.list"), [1, None, 3]),
        (JmesPath("Body.missing"), MISSING),
        (JmesPath("Body.one[*]"), 1),
        (JmesPath("Body.none[*]"), MISSING),
        (JmesPath("Body.one[*]", medtech=True), [1]),
        (JmesPath("Body.none[*]", medtech=True), []),
        (JmesPath("Body.list[*] | [0]"), 1),
        (JmesPath("to_array(Body.list)"), [1, None, 3]),
    ],
)
def test_select_gives_the_one_token_or_missing(compiled, token):
    found = Expression(compiled, "device.json:1").select(DOCUMENT)

    assert (found, type(found)) == (token, type(token))


@pytest.mark.parametrize(
    ("compiled", "tokens"),
    [
        (PATH("$.Body.hr"), [78]),
        (PATH("$.Body.nothing"), [None]),
        (PATH("$.Body.list[*]"), [1, None, 3]),
        (PATH("$.Body.list"), [[1, None, 3]]),
        (PATH("$.Body.missing"), []),
        (PATH("$..[?(@hr)]"), [DOCUMENT["Body"]]),
        (JmesPath("Body.hr"), [78]),
        (JmesPath("Body.nothing"), []),
        (JmesPath("Body.off"), [False]),
        (JmesPath("Body.list"), [[1, None, 3]]),
        (JmesPath("Body.list[?@ > `1`]"), [3]),
        (JmesPath("Body.one[*]"), [1]),
        (JmesPath("Body.none[*]"), []),
        (JmesPath("to_array(Body)[?hr]"), [DOCUMENT["Body"]]),
        (JmesPath("to_array(Body)[?missing]"), []),
        (JmesPath("Body.list[?@ > `0`] | @"), [[1, 3]]),
    ],
)
def test_find_gives_one_token_for_each_match(compiled, tokens):
    assert Expression(compiled, "device.json:1").find(DOCUMENT) == tokens


@pytest.mark.parametrize(
    "compiled", [PATH("$.Body.list[*]"), JmesPath("Body.list[?@ > `0`]")]
)
def test_several_tokens_where_one_is_wanted_are_an_error(compiled):
    with pytest.raises(MultipleTokensError) as caught:
        Expression(compiled, "device.json:1").select(DOCUMENT)

    error = as_record_error(caught.value)
    assert type(error) is TemplateExpressionError
    assert (error.message, error.suggestion, error.expression) == (
        "the expression finds several tokens where one is wanted",
        "make the path exact, e.g. start at $.matchedToken, or match each element"
        " in typeMatchExpression",
        compiled.text,
    )


@pytest.mark.parametrize("method", ["select", "find"])
def test_a_function_that_fails_is_a_record_error_with_its_expression(method):
    text = "add(Body.empty, `1`)"
    expression = Expression(JmesPath(text), "device.json:1")

    with pytest.raises(EvaluationError) as caught:
        getattr(expression, method)(DOCUMENT)

    error = as_record_error(caught.value)
    assert type(error) is NormalizationDataMappingError
    assert (error.message, error.suggestion, error.expression) == (
        "add: wants number, got string",
        "guard the argument, e.g. with not_null() or to_number(), or narrow"
        " typeMatchExpression to messages that have it",
        text,
    )
