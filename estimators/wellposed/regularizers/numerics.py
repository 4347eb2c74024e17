"""Numbers that several families of regularizers compute with."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(bits: Tensor, dtype: torch.dtype) -> Tensor:
    """Numbers in (0, 1) of 16 random bits each."""
    return (bits.to(dtype) + (2.0**15 + 0.5)) / 2.0**16


def row_norms(x: Tensor) -> Tensor:
    """2-norms over dimension 1, which is kept; never zero, and free of over- and underflow."""
    largest = x.abs().amax(1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    return largest * (x / largest).square().sum(1, keepdim=True).sqrt().clamp_min(1.0)
