"""What mutants are made of: the library with one thing changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import segloss_ref as ref
from segloss_ref import domains, registry
from segloss_ref.kit import Term, evaluate_gradient, loss_of

from ..adapters.binding import Binding, bind
from ..cases.case import Case
from ..subjects.foreign import Foreign

__all__ = [
    "FORMS",
    "MUTANTS",
    "RIGHT",
    "Answer",
    "Mutant",
    "mutant",
    "parameter",
    "refer",
    "right",
    "score",
    "smooth_of",
    "with_formula",
    "wrong",
]

Answer = tuple[Any, Any]

_INDEX = {"layout": "NCHW", "target": "index"}

FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "pixels": ({}, {}),
    "logits": ({"takes": "logit"}, {"from_logits": True}),
    "margins": ({"takes": "logit"}, {}),
    "images": ({"layout": "NHW", "pool": "image"}, {"axis": (1, 2)}),
    "classes": (_INDEX, {"class_axis": 1}),
    "class images": ({**_INDEX, "pool": "image"}, {"class_axis": 1, "axis": (2, 3)}),
    "simplex": ({**_INDEX, "domain": ("simplex",)}, {"class_axis": 1}),
    "class logits": ({**_INDEX, "takes": "logit"}, {"class_axis": 1, "from_logits": True}),
    "masks": ({}, {"reduction": "mean"}),
    "mask images": ({"layout": "NHW", "pool": "image"}, {"axis": (1, 2), "reduction": "mean"}),
    "scores": ({"takes": "probability"}, {"reduction": "mean"}),
    "mask scores": (
        {"layout": "NHW", "pool": "image", "returns": "per-image"}, {"axis": (1, 2), "reduction": "none"},
    ),
    "labels": ({**_INDEX, "takes": "label"}, {"class_axis": 1, "reduction": "mean"}),
    "class scores": ({**_INDEX, "takes": "probability"}, {"class_axis": 1, "reduction": "mean"}),
}  # fmt: skip
"""Forms in which `check` asks a mutant: the keys of a binding, and the keywords of the reference that say the same."""


@dataclass(frozen=True)
class Mutant:
    """A function of a case that claims to be the loss or metric `of`."""

    name: str
    of: str
    why: str
    function: Callable[[Case], Any]
    dtype: str = "float64"
    """The dtype of the arrays that it is to be given, and in which its gradient comes back."""
    scaled: bool = False
    """It multiplies its gradient by the case's cotangent itself."""
    form: str = ""
    """One of `FORMS`, in which `check` is asked to reject it; empty where single cases do."""
    asks: tuple[str, ...] = ()
    """What it is handed over beside its parameters: weight, class_weight, ignore_index."""
    slopes: bool = False
    """In its form it has a gradient too."""

    @property
    def implementation(self) -> Foreign:
        """What the checks take."""
        return Foreign(self.name, self._fresh(), dtype=self.dtype, scales=self.scaled)

    @property
    def binding(self) -> Binding:
        """It as somebody's function of arrays, in its form; a class is constructed once for each set of parameters."""
        words, fixed = FORMS[self.form]
        record = registry.records[self.of]
        unsaid = domains.LabelWeights | domains.PixelMap
        own = {name: f"${name}" for name, one in record.parameters.items() if not isinstance(one.domain, unsaid)}
        more = {name: f"${name}" for name in self.asks}
        if self.form == "labels":
            more["num_classes"] = "$num_classes"

        def answer(function: Callable[[Case], Any], pred: Any, target: Any, given: dict[str, Any]) -> Any:
            unmeant = {"spacing"} if given.get("definition") == "erosion" else set()  # which counts pixels
            keywords = fixed | {k: value for k, value in given.items() if value is not None and k not in unmeant}
            return function(Case(self.of, pred, target, keywords, "float64", record.is_loss))

        def value(function: Callable[[Case], Any]) -> Callable[..., Any]:
            def call(pred: Any, target: Any, **given: Any) -> Any:
                found = answer(function, pred, target, given)
                return found[0] if isinstance(found, tuple) else found

            return call

        def slope(pred: Any, target: Any, **given: Any) -> Any:
            return answer(self._fresh(), pred, target, given)[1]

        how: dict[str, Any] = {"framework": "numpy", "name": self.name, "refuses": (), **words}
        how["dtypes"] = ("float64",) if record.is_loss or words.get("takes") == "probability" else ("int64",)
        if record.is_loss:
            how["grad"] = slope if self.slopes else "none"
        args = {"0": "$pred", "1": "$target", **more}
        if not inspect.isclass(self.function):
            return bind(self.of, value(self.function), args={**args, **own}, **how)

        def constructed(**parameters: Any) -> Callable[..., Any]:
            kept = value(self._fresh())
            return lambda pred, target, **given: kept(pred, target, **parameters, **given)

        return bind(self.of, constructed, construct=own, args=args, **how)

    def _fresh(self) -> Callable[[Case], Any]:
        """The function; of a class a new instance."""
        function: Any = self.function
        return function() if isinstance(function, type) else self.function


MUTANTS: list[Mutant] = []
RIGHT: list[Mutant] = []


def mutant(
    of: str, why: str, dtype: str = "float64", scaled: bool = False
) -> Callable[[Callable[[Case], Any]], Callable[[Case], Any]]:
    def add(function: Callable[[Case], Any]) -> Callable[[Case], Any]:
        MUTANTS.append(Mutant(function.__name__, of, why, function, dtype, scaled))
        return function

    return add


def wrong(of: str, why: str, form: str, *asks: str, slopes: bool = False) -> Callable[[Any], Any]:
    """A mutant that is rejected, if at all, as somebody's function of arrays in a form."""

    def add(function: Any) -> Any:
        MUTANTS.append(Mutant(function.__name__, of, why, function, form=form, asks=asks, slopes=slopes))
        return function

    return add


def refer(case: Case, name: str | None = None, pred: Any = None, target: Any = None, **changes: Any) -> Answer:
    """The library's answer to an altered case; a change to None drops the keyword."""
    keywords = {key: value for key, value in (case.keywords | changes).items() if value is not None}
    loss = registry.losses[name or case.name].function
    chosen = case.pred if pred is None else pred
    return ref.value_and_grad(loss)(chosen, case.target if target is None else target, **keywords)


def score(case: Case, name: str | None = None, **changes: Any) -> Any:
    keywords = {key: value for key, value in (case.keywords | changes).items() if value is not None}
    return registry.metrics[name or case.name].function(case.pred, case.target, **keywords)


def parameter(case: Case, name: str) -> Any:
    record = registry.losses[case.name] if case.is_loss else registry.metrics[case.name]
    return case.keywords.get(name, record.parameters[name].default)


def with_formula(case: Case, formula: Callable[..., Term]) -> Answer:
    """The engine with another formula."""
    altered = replace(loss_of(registry.losses[case.name].function), formula=formula)
    return evaluate_gradient(altered, case.pred, case.target, case.keywords)


def smooth_of(smooth: Any) -> tuple[float, float]:
    return (smooth[0], smooth[1]) if isinstance(smooth, tuple) else (smooth, smooth)


def right(
    of: str, why: str, dtype: str = "float64", scaled: bool = False, form: str = "", asks: tuple[str, ...] = ()
) -> Callable[[Callable[[Case], Any]], Callable[[Case], Any]]:
    def add(function: Callable[[Case], Any]) -> Callable[[Case], Any]:
        RIGHT.append(Mutant(function.__name__, of, why, function, dtype, scaled, form, asks))
        return function

    return add
