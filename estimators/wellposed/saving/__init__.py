"""save() and load(): fitted networks as safetensors and JSON, without pickle."""

from .file import load, save

__all__ = ["load", "save"]
