"""Trees of JMESPath expressions, evaluated as JmesPath.Net 1.0.205 does.

For `--compat=medtech` (https://github.com/jdevillard/JmesPath.Net). There a projection
is a kind of value: whatever comes after it, be it after parentheses, is evaluated on
each of its elements, until a pipe, a function or a flattening takes it for an array.
And what is not there differs from null: only the former drops out of a projection.
"""

from collections.abc import Callable
from typing import Any

from transforms.dotnet_comparisons import DOTNET_COMPARISONS
from transforms.dotnet_functions import MEDTECH_FUNCTIONS
from transforms.evaluation import MISSING
from transforms.jmespath_calls import Evaluate, Reference, call
from transforms.jmespath_leaves import LEAVES, leaf
from transforms.jmespath_syntax import Node, children, projects
from transforms.jmespath_tree import Projection, both, either, flat, weight
from transforms.jmespath_values import is_false
from transforms.jmespath_work import Work, spend


def value_of(result: Any) -> Any:
    """The token that a result is: a projection is an array, nothing is null."""
    if type(result) is Projection:
        return [value_of(element) for element in result]
    return None if result is MISSING else result


def compile_medtech_tree(node: Node, *, projected: bool = False) -> Evaluate:
    """Compiles an expression; it evaluates to a token, a `Projection` or `MISSING`.

    Args:
        node: the root.
        projected: whether it is evaluated on elements of a projection. There a null is
            a value to go on with; elsewhere nothing is evaluated after it.
    """
    kind = node["type"]
    if kind in ("subexpression", "index_expression"):
        return _chain(node, projected)
    if kind in ("projection", "value_projection", "filter_projection"):
        return _projection(node, projected)
    return leaf(node, MISSING) if kind in LEAVES else _COMPILERS[kind](node)


def _compile_value(node: Node) -> Evaluate:
    """A node whose result is wanted as a token."""
    result = compile_medtech_tree(node)
    return lambda value, work: value_of(result(value, work))


def _mapped(step: Evaluate, result: Any, work: Work) -> Any:
    """The result of a step on a token, or on each element of a projection."""
    if type(result) is not Projection:
        return step(result, work)
    spend(work, len(result))
    return _collected(step, result, work)


def _collected(step: Evaluate, elements: Any, work: Work) -> Projection:
    return Projection(
        found
        for element in elements
        if (found := _mapped(step, element, work)) is not MISSING
    )


def _chain(node: Node, projected: bool) -> Evaluate:
    first, *others = children(node)
    start = compile_medtech_tree(first, projected=projected)
    spread = projected or any(projects(child, medtech=True) for child in children(node))
    steps = [compile_medtech_tree(other, projected=spread) for other in others]

    def chain(value: Any, work: Work) -> Any:
        result = start(value, work)
        for step in steps:
            if result is MISSING or (result is None and not projected):
                return result
            result = _mapped(step, result, work)
        return result

    return chain


def _projection(node: Node, projected: bool) -> Evaluate:
    base = compile_medtech_tree(node["children"][0], projected=projected)
    project = compile_medtech_tree(node["children"][1], projected=True)
    condition = None
    if node["type"] == "filter_projection":
        condition = _compile_value(node["children"][2])
    each = sum(map(weight, node["children"][1:]))
    of_members = node["type"] == "value_projection"
    kind = "dict" if of_members else "list"

    def spread(value: Any, work: Work) -> Any:
        if type(value).__name__ != kind:
            return MISSING
        spend(work, len(value) * each)
        elements = value.values() if of_members else value
        if condition is not None:
            elements = [
                element
                for element in elements
                if not is_false(condition(element, work))
            ]
        return _collected(project, elements, work)

    def projection(value: Any, work: Work) -> Any:
        result = base(value, work)
        return result if result is MISSING else _mapped(spread, result, work)

    return projection


def _flatten(node: Node) -> Evaluate:
    base = _compile_value(node["children"][0])

    def flatten(value: Any, work: Work) -> Any:
        elements = base(value, work)
        return flat(elements, work) if type(elements) is list else MISSING

    return flatten


def _pipe(node: Node) -> Evaluate:
    left, right = node["children"]
    before, after = _compile_value(left), compile_medtech_tree(right)
    return lambda value, work: after(before(value, work), work)


def _not(node: Node) -> Evaluate:
    condition = _compile_value(node["children"][0])
    return lambda value, work: is_false(condition(value, work))


def _multi_select_list(node: Node) -> Evaluate:
    parts = [_compile_value(child) for child in node["children"]]
    return lambda value, work: [part(value, work) for part in parts]


def _multi_select_dict(node: Node) -> Evaluate:
    parts = [
        (pair["value"], _compile_value(pair["children"][0])) for pair in children(node)
    ]
    return lambda value, work: {name: part(value, work) for name, part in parts}


def _comparator(node: Node) -> Evaluate:
    left, right = map(_compile_value, node["children"])
    compare = DOTNET_COMPARISONS[node["value"]]
    return lambda value, work: compare(left(value, work), right(value, work), work)


def _function(node: Node) -> Evaluate:
    arguments = [_compile_value(child) for child in node["children"]]
    function = call(node["value"], arguments, MEDTECH_FUNCTIONS, weight(node))

    def evaluate(value: Any, work: Work) -> Any:
        result = function(value, work)
        return MISSING if result is None else result

    return evaluate


def _reference(node: Node) -> Evaluate:
    expression = _compile_value(node["children"][0])
    return lambda _value, work: Reference(expression, work)


_COMPILERS: dict[str, Callable[[Node], Evaluate]] = {
    "and_expression": lambda node: both(*map(compile_medtech_tree, node["children"])),
    "comparator": _comparator,
    "expref": _reference,
    "flatten": _flatten,
    "function_expression": _function,
    "multi_select_dict": _multi_select_dict,
    "multi_select_list": _multi_select_list,
    "not_expression": _not,
    "or_expression": lambda node: either(*map(compile_medtech_tree, node["children"])),
    "pipe": _pipe,
}
