"""Value, gradient and a full check of the arguments, for any loss of the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from . import _arguments, registry
from .engine.loss import evaluate_gradient, loss_of

__all__ = ["grad", "validate", "value_and_grad"]


def value_and_grad(loss: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """A function that returns a loss together with its gradient, in closed form.

    Parameters
    ----------
    loss
        One of the losses of `segloss_ref`.

    Returns
    -------
    A function with the arguments of `loss` that returns ``(value, gradient)``: the value as `loss` returns it, and the
    gradient of the sum of the returned values with respect to `pred`, of the shape, dtype, library and device of `pred`.
    No autograd library is involved. `target` and the weights get no gradient. Its keyword `cotangent`, a real number or
    one for every returned value (an array of that shape), multiplies the gradient before it is rounded to the dtype of
    `pred`, as loss scaling in half precision needs it.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import binary_cross_entropy, value_and_grad
    >>> value, gradient = value_and_grad(binary_cross_entropy)(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    >>> round(float(value), 6), gradient.tolist()
    (0.693147, [-1.0, 1.0])
    >>> z = np.zeros(2**20, dtype=np.float16)  # a slope of 2^-21 is 0 in float16 with two digits, and 2^-5 has all
    >>> float(value_and_grad(binary_cross_entropy)(z, z, from_logits=True, cotangent=2**16)[1][0])
    0.03125
    """
    of = loss_of(loss)

    def both(pred: Any, target: Any, *, cotangent: Any = None, **keywords: Any) -> tuple[Any, Any]:
        return evaluate_gradient(of, pred, target, keywords, cotangent)

    both.__name__ = both.__qualname__ = f"value_and_grad({of.name})"
    return both


def grad(loss: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns the gradient of a loss by `pred`; see `value_and_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import dice_loss, grad
    >>> grad(dice_loss)(np.array([0.5, 0.5]), np.array([1.0, 0.0]), smooth=0).tolist()
    [-0.75, 0.25]
    """
    of = loss_of(loss, "grad: loss must be one of segloss_ref's losses")
    both = value_and_grad(loss)

    def gradient(pred: Any, target: Any, **keywords: Any) -> Any:
        return both(pred, target, **keywords)[1]

    gradient.__name__ = gradient.__qualname__ = f"grad({of.name})"
    return gradient


def validate(function: Callable[..., Any], pred: Any, target: Any, **keywords: Any) -> None:
    """Check the arguments of a loss or metric completely, array values included, on any library.

    A call itself looks at array values only where that waits for no device: in the host's memory, while nothing compiles,
    traces or transforms it. Other than on NumPy it leaves nan and infinite predictions alone, which show in the value.

    Parameters
    ----------
    function
        A loss or metric of `segloss_ref`.
    pred, target, **keywords
        The arguments that it is to be called with.

    Raises
    ------
    TypeError, ValueError
        What the call itself raises; and on every library also for probabilities or targets outside [0, 1], nan or
        infinite logits, soft targets where hard ones are needed, labels out of range, and weights outside [0, 1e30].

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import dice_loss, validate
    >>> validate(dice_loss, np.array([0.2, 1.2]), np.array([0, 1]))
    Traceback (most recent call last):
      ...
    ValueError: dice_loss: pred must be in [0, 1], got 1.2
    """
    metric = registry.metrics.get(getattr(function, "__name__", ""))
    if metric is not None and metric.function is function:
        metric.check(pred, target, keywords)
        return
    loss = loss_of(function, "validate: function must be one of segloss_ref's losses and metrics")
    common, own = loss.split(keywords)
    loss.checked(common, own)
    _arguments.check_values_at_hand(loss.name, _arguments.library_of(loss.name, pred), pred=pred)
    bound, constants = loss.bind(pred, target, common, own)
    with bound.backend.guard():
        replace(bound, check_values=True)(bound.backend.detach(pred), constants, gradient=False)
