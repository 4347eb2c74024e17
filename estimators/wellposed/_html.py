"""How a notebook shows an estimator: its name, and under it the regularizers that are on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._strengths import regularizers_on

if TYPE_CHECKING:
    from ._parameters import Parameters


def caption(estimator: Parameters) -> str:
    """The regularizers that are on, as they were given.

    Examples
    --------
    >>> from wellposed import SAM, NetClassifier
    >>> caption(NetClassifier(l2=0.1, sam=SAM(0.05, adaptive=True)))
    'on: sam=SAM(adaptive=True, strength=0.05), l2=0.1'
    >>> caption(NetClassifier())
    'no regularizer is on'
    """
    own = dict(estimator.regularizers or ())
    on = [f"{n}={own.get(n, getattr(estimator, n, None))!r}" for n in regularizers_on(estimator)]
    if estimator.early_stopping:
        on.append("early_stopping=True")
    return f"on: {', '.join(on)}" if on else "no regularizer is on"


def visual_block(estimator: Parameters) -> Any:
    """What scikit-learn's diagrams ask for."""
    try:
        from sklearn.utils._repr_html.estimator import _VisualBlock
    except ImportError:  # before scikit-learn 1.8
        from sklearn.utils._estimator_html_repr import _VisualBlock
    return _VisualBlock(
        "single",
        estimator,
        names=type(estimator).__name__,
        name_details=str(estimator),
        name_caption=caption(estimator),
    )
