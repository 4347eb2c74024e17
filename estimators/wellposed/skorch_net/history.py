"""The history of a skorch net: as it was recorded, or made from the loss curves of a fit."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
from skorch.history import History


def plain_history(history: History) -> list[Any]:
    """Epochs with what can be pickled of what was recorded: numbers, text and batches of these."""
    return [
        {
            key: plain_history(value) if isinstance(value, list) else value
            for key, value in epoch.items()
            if value is None or isinstance(value, str | Number | np.generic | list)
        }
        for epoch in history
        if isinstance(epoch, dict)
    ]


def history_of(
    loss_curve: list[float], validation_curve: list[float], recorded: list[Any] | None = None
) -> History:
    """A history as it was recorded, or that of epochs that were trained without callbacks."""
    if recorded is not None:
        return History(recorded)
    history = History()
    for epoch, loss in enumerate(loss_curve, 1):
        history.new_epoch()
        history.record("epoch", epoch)
        history.record("train_loss", loss)
        if epoch <= len(validation_curve):
            history.record("valid_loss", validation_curve[epoch - 1])
    return history
