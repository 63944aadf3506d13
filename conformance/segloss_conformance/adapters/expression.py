"""Values with placeholders, and arithmetic on placeholders."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

__all__ = ["ConfigurationError", "Expression"]


class ConfigurationError(ValueError):
    """A binding or a configuration file that makes no sense; the message is one line."""


_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.USub: operator.neg,
}  # fmt: skip


@lru_cache(maxsize=1024)
def _parsed(source: str) -> ast.expr:
    """The syntax tree of an expression; the same few are asked about for every case."""
    complaint = f"{source!r} is not a placeholder or arithmetic on placeholders"
    try:
        tree: ast.expr = ast.parse(source.replace("$", ""), mode="eval").body
    except SyntaxError:
        raise ConfigurationError(complaint) from None
    allowed = (ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.Load, *_OPERATORS)
    if not all(isinstance(node, allowed) for node in ast.walk(tree)):
        raise ConfigurationError(complaint)
    return tree


@dataclass(frozen=True)
class Expression:
    """A value with placeholders, such as ``"$gamma"``, ``"1/$gamma"`` or ``(0.0, "$smooth")``; or any plain value."""

    source: Any

    @property
    def names(self) -> frozenset[str]:
        """The placeholders in it, without the dollar."""
        if isinstance(self.source, list | tuple):
            return frozenset().union(*(Expression(one).names for one in self.source))
        if not isinstance(self.source, str) or "$" not in self.source:
            return frozenset()
        return frozenset(node.id for node in ast.walk(self._tree()) if isinstance(node, ast.Name))

    def _tree(self) -> ast.expr:
        return _parsed(self.source)

    def value(self, values: Mapping[str, Any]) -> Any:
        """The value where the placeholders stand for `values`."""
        if isinstance(self.source, list | tuple):
            return tuple(Expression(one).value(values) for one in self.source)
        if not isinstance(self.source, str) or "$" not in self.source:
            return self.source

        def walk(node: ast.expr) -> Any:
            if isinstance(node, ast.Name):
                return values[node.id]
            if isinstance(node, ast.Constant):
                return node.value
            if isinstance(node, ast.UnaryOp):
                return _OPERATORS[type(node.op)](walk(node.operand))
            assert isinstance(node, ast.BinOp)
            return _OPERATORS[type(node.op)](walk(node.left), walk(node.right))

        return walk(self._tree())
