"""A user's own module as a stack of one: the same regularizers in the ordinary loop."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from .._streams import generator
from .._threads import after_fork
from .flat import autograd_backward, pad16

Factory = Callable[[int, int], nn.Module]
_BatchNorm = nn.modules.batchnorm._BatchNorm
_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


_global_generator = threading.RLock()


def _forget() -> None:
    global _global_generator
    _global_generator = threading.RLock()


after_fork(_forget)


@contextmanager
def _seeded(rng: torch.Generator) -> Iterator[None]:
    """Let modules draw from torch's global generator without touching it, one at a time."""
    seed = int(torch.randint(2**62, (), generator=rng))
    with _global_generator, torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _array(value: Tensor) -> np.ndarray:
    return value.numpy(force=True).copy()


def _check_call(factory: Factory) -> None:
    try:
        inspect.signature(factory).bind(1, 1)
    except TypeError as error:
        raise TypeError(
            f"network={factory!r} is called with two arguments, the numbers of inputs and of "
            f"outputs, and does not take them: {error}. Write `def network(n_inputs, n_outputs)`."
        ) from error
    except ValueError:  # a builtin without a signature
        pass


class ModuleNetwork:
    """One network made by ``factory(n_inputs, n_outputs)``, flat parameters ``theta`` [1, P].

    Weights, which are penalised, are the parameters of two and more dimensions outside of
    normalisation layers; each is a matrix with a row an output unit or channel. Hidden activations,
    which dropout acts on, are what is fed to each ``nn.Linear`` but the first weight layer. Frozen
    parameters stay as they are; tied ones are one.

    Parameters
    ----------
    factory : callable
    n_inputs, n_outputs : int
    seed : int
        Seeds the module's own initialisation and its random layers.
    dtype : torch.dtype
    """

    exact_rows = True  # padding rows would count in batch statistics
    image_shape = None  # what a row is, its author knows
    skips = ()  # are its author's business
    statistics = None  # are buffers of the module

    def __init__(
        self, factory: Factory, n_inputs: int, n_outputs: int, seed: int, dtype: torch.dtype
    ) -> None:
        self.factory, self.n_inputs, self.n_outputs = factory, n_inputs, n_outputs
        self.n_inputs_padded = pad16(n_inputs)
        _check_call(factory)
        with _seeded(generator(seed, "init")):
            module = factory(n_inputs, n_outputs)
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"network={factory!r} must return a torch.nn.Module, got "
                f"{type(module).__name__}. Return the module itself."
            )
        self._seed, self._module = seed, module.to(dtype)
        self._rng = generator(seed, "module")
        self._last_numbers = self._rng.get_state()
        self._counts = True  # passes in training mode, in statistics and random numbers
        parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
        if not parameters:
            raise ValueError(f"network={factory!r} returned a module without parameters to train.")
        weights = self._penalised()
        names = [name for name in weights if name in parameters]
        others = [name for name in parameters if name not in names]
        self._slots: dict[str, tuple[slice, torch.Size]] = {}
        at = self.n_weights = 0
        for name in (*names, *others):
            size = parameters[name].numel()
            self._slots[name] = slice(at, at + size), parameters[name].shape
            at += pad16(size)
            if name in names:
                self.n_weights = at
        self.size, self._names, self._others = at, names, others
        first = module.get_submodule(weights[0].rpartition(".")[0]) if weights else None
        self.inputs_have_columns = isinstance(first, nn.Linear) and first.in_features == n_inputs
        self._linears = [
            layer
            for layer in module.modules()
            if isinstance(layer, nn.Linear) and layer is not first
        ]
        self.layers = tuple(names)
        self.compares_rows = any(isinstance(layer, _BatchNorm) for layer in module.modules())
        self._check_outputs()

    def __getstate__(self) -> dict[str, Any]:
        """How to build the module again, and its numbers as plain arrays."""
        return {
            "made_by": (self.factory, self.n_inputs, self.n_outputs, self._seed),
            "dtype": str(next(self._module.parameters()).dtype).removeprefix("torch."),
            "values": [_array(value) for value in self._values()],
            "random_state": self._rng.get_state().numpy(),
        }

    @torch.no_grad()
    def __setstate__(self, state: dict[str, Any]) -> None:
        factory, *sizes, seed = state["made_by"]
        self.__init__(factory, *sizes, seed, getattr(torch, state["dtype"]))  # type: ignore[misc]
        for into, value in zip(self._values(), state["values"]):
            into.copy_(torch.from_numpy(value))
        self._rng.set_state(torch.from_numpy(state["random_state"]))

    def _values(self) -> list[Tensor]:
        return [*self._module.parameters(), *self._module.buffers()]

    def _penalised(self) -> list[str]:
        return [
            f"{prefix}.{name}" if prefix else name
            for prefix, layer in self._module.named_modules()
            if not isinstance(layer, _NORMS)
            for name, parameter in layer.named_parameters(recurse=False)
            if parameter.ndim >= 2
        ]

    def _check_outputs(self) -> None:
        probe = torch.zeros(2, self.n_inputs, dtype=next(self._module.parameters()).dtype)
        with torch.no_grad():
            found = self._module.eval()(probe)
        if not isinstance(found, Tensor):
            raise TypeError(
                f"network={self.factory!r} must map (batch, {self.n_inputs}) to a tensor (batch, "
                f"{self.n_outputs}), and returned {type(found).__name__}. Write a module whose "
                "forward picks what is predicted."
            )
        shape = tuple(found.shape)
        if shape != (2, self.n_outputs):
            raise ValueError(
                f"network={self.factory!r} must map (batch, {self.n_inputs}) to (batch, "
                f"{self.n_outputs}); two rows gave shape {shape}. End it with "
                f"nn.Linear(..., {self.n_outputs}), without softmax."
            )

    def same_as(self, factory: Any, n_inputs: int, n_outputs: int) -> bool:
        """Whether this network was made that way."""
        return (self.factory, self.n_inputs, self.n_outputs) == (factory, n_inputs, n_outputs)

    def buffers(self) -> list[Tensor]:
        """Copies of the module's buffers: running statistics and the like."""
        return [buffer.clone() for buffer in self._module.buffers()]

    @torch.no_grad()
    def restore(self, buffers: Sequence[Tensor]) -> None:
        """Set the module's buffers."""
        for buffer, value in zip(self._module.buffers(), buffers):
            buffer.copy_(value)

    def count(self, theta: Tensor, statistics: Sequence[Tensor]) -> None:
        """The module counts by itself."""

    @property
    def hidden_units(self) -> tuple[int, ...]:
        return tuple(pad16(layer.in_features) for layer in self._linears)

    @property
    def real_hidden_units(self) -> tuple[int, ...]:
        return tuple(layer.in_features for layer in self._linears)

    @property
    def real(self) -> Tensor:
        real = torch.zeros(self.size, dtype=torch.bool)
        for place, _ in self._slots.values():
            real[place] = True
        return real

    @property
    def names(self) -> list[str]:
        """Names of the module's layers that are trained."""
        return list(dict.fromkeys(name.rpartition(".")[0] for name in self._slots))

    def columns(self, layer: int | str) -> list[slice]:
        """Columns of ``theta`` that hold a layer's parameters, or those within a module's part."""
        name = layer if isinstance(layer, str) else self.layers[layer].rpartition(".")[0]
        parts = [
            place
            for own, (place, _) in self._slots.items()
            if own == name or own.startswith(f"{name}.")
        ]
        if not parts:
            raise KeyError(name)
        return parts

    def parameters(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """View ``theta`` [1, P] as weights [1, out, rest] and all other parameters [1, size]."""
        return self.weights(theta), [theta[:, self._slots[name][0]] for name in self._others]

    def weights(self, flat: Tensor) -> list[Tensor]:
        """View the weights' part of ``theta``, [1, W], as matrices [1, out, rest]."""
        return [
            flat[:, self._slots[name][0]].unflatten(1, (self._slots[name][1][0], -1))
            for name in self._names
        ]

    @contextmanager
    def uncounted(self, again: bool = False) -> Iterator[None]:
        """Leave running statistics and the module's random numbers as they were.

        A pass inside the block draws the numbers that the next pass outside will draw, or, if
        `again`, those of the last one.
        """
        numbers, self._counts = self._rng.get_state(), False
        if again:
            self._rng.set_state(self._last_numbers)
        try:
            yield
        finally:
            self._counts = True
            self._rng.set_state(numbers)

    def forward(
        self,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        x: Tensor,
        masks: Sequence[Tensor] | None = None,
        tape: list[Tensor] | None = None,
        hidden: list[Tensor] | None = None,
        training: bool = False,
        rows: Tensor | None = None,
        statistics: list[Tensor] | None = None,
    ) -> Tensor:
        """Map x [1, in, B] to the outputs [1, out, B]; in training mode if there is a tape."""
        rows = x[0, : self.n_inputs].T
        if tape is not None:
            leaves = [view.detach().requires_grad_() for view in (*weights, *biases)]
            with torch.enable_grad():
                z = self._train(leaves, rows, masks, hidden)
            tape += [z, *leaves]
            return z.detach()
        if training:
            return self._train([*weights, *biases], rows, masks, hidden)
        self._module.eval()
        return self._call([*weights, *biases], rows).T[None]

    def _train(
        self,
        flat: Sequence[Tensor],
        rows: Tensor,
        masks: Sequence[Tensor] | None,
        hidden: list[Tensor] | None,
    ) -> Tensor:
        """Outputs [1, out, B] in training mode."""
        self._module.train()
        if self._counts:
            self._last_numbers = self._rng.get_state()
        with self._regularized(masks, hidden, len(rows)), _seeded(self._rng):
            try:
                return self._call(flat, rows).T[None]
            except ValueError as error:
                raise self._too_few(error, len(rows)) from error

    def _too_few(self, error: ValueError, n: int) -> ValueError:
        """Say what to do where a module wants more than a batch of one row."""
        if n > 1:
            return error
        return ValueError(
            f"network={self.factory!r} could not be trained on a batch of one row: {error} Change "
            "batch_size so that no batch has one row (batch normalisation needs two), or give more "
            "rows."
        )

    def _call(self, flat: Sequence[Tensor], rows: Tensor) -> Tensor:
        names = (*self._names, *self._others)
        tensors = {n: view.reshape(self._slots[n][1]) for n, view in zip(names, flat)}
        for name, value in (*self._module.named_buffers(), *self._module.named_parameters()):
            if name not in tensors and value.is_floating_point():
                tensors[name] = value.to(rows)  # float64 rows, shown to a float32 network
        if not self._counts:  # the module writes its statistics into copies
            tensors |= {n: tensors.get(n, b).clone() for n, b in self._module.named_buffers()}
        return functional_call(self._module, tensors, (rows,))

    @contextmanager
    def _regularized(
        self, masks: Sequence[Tensor] | None, hidden: list[Tensor] | None, n: int
    ) -> Iterator[None]:
        """Take down what the linear layers are fed, and multiply it by masks.

        One sample has the same mask at all positions.
        """

        def feed(mask: Tensor | None) -> Callable[..., tuple[Tensor]]:
            def hook(layer: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor]:
                (h,) = args
                if len(h) != n and mask is not None:
                    raise ValueError(
                        f"Regularizers of hidden units act on what each nn.Linear is fed, one "
                        f"sample a row, and {layer} is fed {len(h)} rows for {n} samples. Switch "
                        "them off, and put layers such as nn.Dropout into the module."
                    )
                if len(h) == n and hidden is not None:
                    hidden.append(h.reshape(n, -1).T[None])
                if mask is None:
                    return (h,)
                kept = mask[0, : h.shape[-1], :n].T
                return (h * kept.reshape(n, *[1] * (h.ndim - 2), -1),)

            return hook

        fed = self._linears if masks is not None or hidden is not None else []
        hooks = [
            layer.register_forward_pre_hook(feed(None if masks is None else masks[i]))
            for i, layer in enumerate(fed)
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def backward(
        self,
        weights: Sequence[Tensor],
        slope: Tensor,
        tape: list[Tensor],
        weight_grads: Sequence[Tensor],
        bias_grads: Sequence[Tensor],
        masks: Sequence[Tensor] | None = None,
    ) -> None:
        """Back-propagate dJ/dz [1, out, B] into the gradients, by autograd."""
        autograd_backward(tape, slope[:, : self.n_outputs], weight_grads, bias_grads)

    def init(self, scheme: str, rng: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Return the parameters that the module drew itself, [P]."""
        theta = torch.zeros(self.size, dtype=dtype)
        parameters = dict(self._module.named_parameters())
        for name, (place, shape) in self._slots.items():
            theta[place] = parameters[name].detach().reshape(prod(shape))
        return theta

    def coefs(self, theta: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Layers of a module are not known as such."""
        raise AttributeError("This network is a module of your own: see net_.module_.")

    def module(self, theta: Tensor) -> nn.Module:
        """The module itself, its parameters being views of ``theta`` [P]."""
        parameters = dict(self._module.named_parameters())
        for name, (place, shape) in self._slots.items():
            parameters[name].data = theta[place].view(shape)
        return self._module
