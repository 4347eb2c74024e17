"""Schedules of the learning rate, for ``learning_rate_schedule=``."""

from .training.schedules import Cosine, OneCycle, Schedule, Step, WarmRestarts

__all__ = ["Cosine", "OneCycle", "Schedule", "Step", "WarmRestarts"]
