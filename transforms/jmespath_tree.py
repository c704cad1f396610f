"""Trees of JMESPath expressions, compiled to Python functions.

The results are those of the jmespath library, which `tests/test_jmespath_tree.py`
compares; but functions in place of a walk over the tree take a fraction of the time,
and they count their work.
"""

from collections.abc import Callable
from typing import Any

from transforms.functions import MAPPING_FUNCTIONS
from transforms.jmespath_calls import Evaluate, Reference, call
from transforms.jmespath_comparisons import COMPARISONS
from transforms.jmespath_leaves import LEAVES, leaf
from transforms.jmespath_syntax import PROJECTIONS, Node, children, nodes, projects
from transforms.jmespath_values import is_false
from transforms.jmespath_work import Work, spend


class Projection(list[Any]):
    """The elements of a projection: several matches, not one array."""


def compile_tree(root: Node) -> Evaluate:
    """Compiles an expression; a projection evaluates to a `Projection`.

    Whether the result is a projection shows only when it is evaluated: `a || b[*]` is
    one if `a` is null or empty. Parentheses do not stop a projection, a pipe does.
    """
    kind, below = root["type"], root["children"]
    if not projects(root):
        return _compile(root)
    if kind in PROJECTIONS:
        return _marked(_compile(root))
    if kind == "or_expression":
        return either(*map(compile_tree, below))
    if kind == "and_expression":
        return both(*map(compile_tree, below))
    return _in_turn([*map(_compile, below[:-1]), compile_tree(below[-1])])


def _marked(evaluate: Evaluate) -> Evaluate:
    def mark(value: Any, work: Work) -> Projection | None:
        elements = evaluate(value, work)
        return None if elements is None else Projection(elements)

    return mark


def weight(node: Node) -> int:
    """About how much evaluating a node costs on one element."""
    return sum(_WEIGHTS.get(found["type"], 1) for found in nodes(node))


_WEIGHTS = {"multi_select_list": 2, "multi_select_dict": 4, "function_expression": 5}
"""What creates containers costs memory, too."""


def _compile(node: Node) -> Evaluate:
    kind = node["type"]
    return leaf(node, None) if kind in LEAVES else _COMPILERS[kind](node)


def _steps(node: Node) -> Evaluate:
    if all(child["type"] == "field" for child in node["children"]):
        return _fields([child["value"] for child in node["children"]])
    return _in_turn([_compile(child) for child in node["children"]])


def _fields(names: list[str]) -> Evaluate:
    def fields(value: Any, _work: Work) -> Any:
        for name in names:
            if type(value) is not dict:
                return None
            value = value.get(name)
        return value

    return fields


def _in_turn(steps: list[Evaluate]) -> Evaluate:
    def in_turn(value: Any, work: Work) -> Any:
        for step in steps:
            value = step(value, work)
        return value

    return in_turn


def either(left: Evaluate, right: Evaluate) -> Evaluate:
    """`left || right`."""

    def first_true(value: Any, work: Work) -> Any:
        token = left(value, work)
        return right(value, work) if is_false(token) else token

    return first_true


def both(left: Evaluate, right: Evaluate) -> Evaluate:
    """`left && right`."""

    def first_false(value: Any, work: Work) -> Any:
        token = left(value, work)
        return token if is_false(token) else right(value, work)

    return first_false


def _not(node: Node) -> Evaluate:
    (condition,) = map(_compile, node["children"])
    return lambda value, work: is_false(condition(value, work))


def _multi_select_list(node: Node) -> Evaluate:
    parts = [_compile(child) for child in node["children"]]

    def select(value: Any, work: Work) -> Any:
        return None if value is None else [part(value, work) for part in parts]

    return select


def _multi_select_dict(node: Node) -> Evaluate:
    parts = [(pair["value"], _compile(pair["children"][0])) for pair in children(node)]

    def select(value: Any, work: Work) -> Any:
        if value is None:
            return None
        return {name: part(value, work) for name, part in parts}

    return select


def _comparator(node: Node) -> Evaluate:
    left, right = map(_compile, node["children"])
    compare = COMPARISONS[node["value"]]
    return lambda value, work: compare(left(value, work), right(value, work), work)


def _function(node: Node) -> Evaluate:
    arguments = [_compile(child) for child in node["children"]]
    return call(node["value"], arguments, MAPPING_FUNCTIONS, weight(node))


def _reference(node: Node) -> Evaluate:
    (expression,) = map(_compile, node["children"])
    return lambda _value, work: Reference(expression, work)


# Projections: what they collect is never null.


def _projection(node: Node) -> Evaluate:
    base, project = map(_compile, node["children"])
    each = weight(node["children"][1])
    of_members = node["type"] == "value_projection"
    kind = "dict" if of_members else "list"

    def collect(value: Any, work: Work) -> Any:
        found = base(value, work)
        if type(found).__name__ != kind:
            return None
        spend(work, len(found) * each)
        elements = found.values() if of_members else found
        return [
            token
            for element in elements
            if (token := project(element, work)) is not None
        ]

    return collect


def _filter_projection(node: Node) -> Evaluate:
    base, project, condition = map(_compile, node["children"])
    each = weight(node["children"][1]) + weight(node["children"][2])

    def collect(value: Any, work: Work) -> Any:
        elements = base(value, work)
        if type(elements) is not list:
            return None
        spend(work, len(elements) * each)
        return [
            token
            for element in elements
            if not is_false(condition(element, work))
            if (token := project(element, work)) is not None
        ]

    return collect


def _flatten(node: Node) -> Evaluate:
    (base,) = map(_compile, node["children"])

    def flatten(value: Any, work: Work) -> Any:
        elements = base(value, work)
        return flat(elements, work) if type(elements) is list else None

    return flatten


def flat(elements: list[Any], work: Work) -> list[Any]:
    """The elements, and of those that are arrays their elements."""
    found: list[Any] = []
    for element in elements:
        if type(element) is list:
            spend(work, len(element) + 1)
            found += element
        else:
            found.append(element)
    spend(work, len(elements))
    return found


_COMPILERS: dict[str, Callable[[Node], Evaluate]] = {
    "and_expression": lambda node: both(*map(_compile, node["children"])),
    "comparator": _comparator,
    "expref": _reference,
    "filter_projection": _filter_projection,
    "flatten": _flatten,
    "function_expression": _function,
    "index_expression": _steps,
    "multi_select_dict": _multi_select_dict,
    "multi_select_list": _multi_select_list,
    "not_expression": _not,
    "or_expression": lambda node: either(*map(_compile, node["children"])),
    "pipe": _steps,
    "projection": _projection,
    "subexpression": _steps,
    "value_projection": _projection,
}
