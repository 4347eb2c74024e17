"""The skorch net of an estimator: its epoch is the stack's epoch."""

from .history import history_of, plain_history
from .kinds import make_net

__all__ = ["history_of", "make_net", "plain_history"]
