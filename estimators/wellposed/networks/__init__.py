"""What is trained: networks as stacks, their activation functions, and the losses."""

from .base import Network
from .flat import INITS, pad16
from .mlp import MLP

__all__ = ["INITS", "MLP", "Network", "pad16"]
