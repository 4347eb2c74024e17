"""What callbacks of skorch see of a stack's optimiser."""

from __future__ import annotations

from typing import Any

import torch

from ..training.request import Request, State


class StackOptimizer(torch.optim.Optimizer):
    """What callbacks see of the stack's optimiser: learning rate and running averages.

    A learning rate that a callback sets here is the next step's.
    """

    def __init__(self, parameters: Any, request: Request, state: State) -> None:
        super().__init__(parameters, {"lr": request.learning_rate, "momentum": request.momentum})
        self._opt_called = True  # what a scheduler asks before it moves
        self._network_state = state

    def step(self, closure: Any = None) -> Any:
        raise RuntimeError(
            "This optimizer belongs to a stack and makes no step by itself. Train with fit or "
            "partial_fit."
        )

    def state_dict(self) -> dict[str, Any]:
        state = self._network_state
        groups = [{key: g[key] for key in ("lr", "momentum")} for g in self.param_groups]
        return {"param_groups": groups, "slots": state.slots, "n_updates": state.n_updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for group, loaded in zip(self.param_groups, state_dict["param_groups"]):
            group.update(loaded)
        state = self._network_state
        if state.slots:
            for slot, loaded in zip(state.slots, state_dict["slots"]):
                slot.copy_(loaded)
        else:
            state.slots = [slot.clone() for slot in state_dict["slots"]]
        state.n_updates = state_dict["n_updates"]
