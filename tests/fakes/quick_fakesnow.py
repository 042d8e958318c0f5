"""The demo's warehouse server, in less of the processor's time: `python -m tests.fakes.quick_fakesnow FOLDER`.

fakesnow walks the tree of each statement some seventy times, once for each of its transformations, most of which look
for a kind of node that the statement does not have. Here those are left out of which its source says so: that they give
back each node that is not of these kinds as it is. What cannot be read off the source is done as ever.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from fakesnow import transforms
from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr

from demo.warehouse_server import main

__all__ = ["kinds_of", "quickened"]

Kinds = tuple[type, ...]


def kinds_of(transformation: Callable[..., Any]) -> Kinds | None:
    """The kinds of nodes that a transformation may change or look into; None where its source does not say."""
    [function] = ast.parse(textwrap.dedent(inspect.getsource(transformation))).body
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return None
    node, names = function.args.args[0].arg, inspect.unwrap(transformation).__globals__
    found: Kinds = ()
    for statement in function.body:
        match statement:
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Return(value=ast.Name(id=name)) if name == node:
                return found
            case ast.Assign() | ast.AnnAssign() if _is_of_nodes_alone(statement):
                continue
            case ast.If(test=test, body=body, orelse=[]) if _is_left_as_it_is(body, node):
                kinds = _kinds_if_false(test, node, names)
                return None if kinds is None else found + kinds
            case ast.If():
                kinds = _kinds_of_branches(statement, node, names)
                if kinds is None:
                    return None
                found += kinds
            case _:
                return None
    return None


def _is_of_nodes_alone(statement: ast.Assign | ast.AnnAssign) -> bool:
    """Whether it calls nothing but what makes a node."""
    calls = (each for each in ast.walk(statement) if isinstance(each, ast.Call))
    return all(ast.unparse(call.func).startswith("exp.") for call in calls)


def _kinds_of_branches(statement: ast.stmt, node: str, names: dict[str, Any]) -> Kinds | None:
    match statement:
        case ast.If(test=test, orelse=[]):
            return _kinds_if_true(test, node, names)
        case ast.If(test=test, orelse=[other]):
            first = _kinds_if_true(test, node, names)
            rest = () if _is_left_as_it_is([other], node) else _kinds_of_branches(other, node, names)
            return None if first is None or rest is None else first + rest
    return None


def _is_left_as_it_is(body: list[ast.stmt], node: str) -> bool:
    match body:
        case [ast.Return(value=ast.Name(id=name))]:
            return name == node
    return False


def _kinds_if_true(test: ast.expr, node: str, names: dict[str, Any]) -> Kinds | None:
    """Of which a node must be for a condition to hold, before anything else of it is asked."""
    match test:
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kinds]) if name == node:
            named = eval(ast.unparse(kinds), names)
            return named if isinstance(named, tuple) else (named,)
        case ast.BoolOp(op=ast.And(), values=[first, *_]):
            return _kinds_if_true(first, node, names)
    return None


def _kinds_if_false(test: ast.expr, node: str, names: dict[str, Any]) -> Kinds | None:
    """Of which a node must be for a condition not to hold."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _kinds_if_true(operand, node, names)
        case ast.BoolOp(op=ast.Or(), values=[first, *_]):
            return _kinds_if_false(first, node, names)
    return None


class _Tree:
    """A statement under transformation: passes over it what may concern it."""

    def __init__(self, root: Expr, steps: list[Kinds | None]) -> None:
        self.root = root
        self._steps = iter(steps)
        self._there: set[type] | None = None

    def transform(self, change: Callable[..., Any], *args: Any, copy: bool, **more: Any) -> _Tree:
        """As `Expr.transform`, in place."""
        assert not copy
        wanted = next(self._steps)
        if wanted is None:
            wanted = (Expr,)
        else:
            if self._there is None:
                self._there = _kinds_below(self.root)
            if not any(issubclass(kind, wanted) for kind in self._there):
                return self
        self.root = _transform(self.root, wanted, lambda node: change(node, *args, **more))
        self._there = None
        return self


def _transform(root: Expr, wanted: Kinds, change: Callable[[Expr], Any]) -> Expr:
    """As `Expr.transform` for nodes of some kinds, in place, without its generators."""
    first, left = root, [root]
    while left:
        node = left.pop()
        if isinstance(node, wanted):
            parent, key, index = node.parent, node.arg_key, node.index
            new = change(node)
            if new is not node:
                if node is first:
                    root = new
                elif parent and key:
                    parent.set(key, new, index)
                continue
        _push_children(node, left)
    return root


def _kinds_below(root: Expr) -> set[type]:
    found, left = set(), [root]
    while left:
        node = left.pop()
        found.add(type(node))
        _push_children(node, left)
    return found


def _push_children(node: Expr, left: list[Expr]) -> None:
    """The last one first, so that the first one is taken next."""
    for held in reversed(node.args.values()):
        if isinstance(held, list):
            for each in reversed(held):
                if isinstance(each, Expr):
                    left.append(each)
        elif isinstance(held, Expr):
            left.append(held)


def _steps(transform: Callable[..., Any]) -> list[Kinds | None]:
    """For each transformation of the chain in `FakeSnowflakeCursor._transform`, in order, the kinds it is about."""
    [function] = ast.parse(textwrap.dedent(inspect.getsource(transform))).body
    assert isinstance(function, ast.FunctionDef)
    [statement] = function.body
    assert isinstance(statement, ast.Return)
    link, found = statement.value, []
    while isinstance(link, ast.Call) and isinstance(link.func, ast.Attribute):
        assert link.func.attr == "transform"
        match link.args[0]:
            case ast.Attribute(value=ast.Name(id="transforms"), attr=name):
                found.append(kinds_of(getattr(transforms, name)))
            case ast.Lambda(
                args=ast.arguments(args=[ast.arg(arg=given)]),
                body=ast.Call(
                    func=ast.Attribute(value=ast.Name(id="transforms"), attr=name), args=[ast.Name(id=passed), *_]
                ),
            ) if given == passed:
                found.append(kinds_of(getattr(transforms, name)))
            case _:
                found.append(None)
        link = link.func.value
    return found[::-1]


def quickened(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`FakeSnowflakeCursor._transform` without the walks that cannot concern a statement."""
    steps = _steps(plain)

    def transform(cursor: FakeSnowflakeCursor, expression: Expr, params: Any) -> Expr:
        root: Expr = plain(cursor, _Tree(expression, steps), params).root
        return root

    return transform


if __name__ == "__main__":
    FakeSnowflakeCursor._transform = quickened(FakeSnowflakeCursor._transform)  # type: ignore[method-assign]
    main()
