"""Activation functions with their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

_aten = torch.ops.aten


class Activation(NamedTuple):
    """An activation function.

    Attributes
    ----------
    function : callable
        z -> a, elementwise.
    backward : callable
        (gradient with respect to a, z, a) -> gradient with respect to z; the very kernels that
        autograd calls.
    silent : bool
        Whether a(0) = 0.
    module : type of nn.Module
    """

    function: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]
    silent: bool
    module: type[nn.Module]


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(lambda z: z, lambda g, z, a: g, True, nn.Identity),
    "logistic": Activation(
        torch.sigmoid, lambda g, z, a: _aten.sigmoid_backward(g, a), False, nn.Sigmoid
    ),
    "tanh": Activation(torch.tanh, lambda g, z, a: _aten.tanh_backward(g, a), True, nn.Tanh),
    "relu": Activation(
        torch.relu, lambda g, z, a: _aten.threshold_backward(g, a, 0), True, nn.ReLU
    ),
    "softplus": Activation(
        nn.functional.softplus,
        lambda g, z, a: _aten.softplus_backward(g, z, 1.0, 20.0),
        False,
        nn.Softplus,
    ),
    "gelu": Activation(
        nn.functional.gelu, lambda g, z, a: _aten.gelu_backward(g, z), True, nn.GELU
    ),
    "silu": Activation(
        nn.functional.silu, lambda g, z, a: _aten.silu_backward(g, z), True, nn.SiLU
    ),
}
