"""Networks by name, and their files. Importing this loads no Keras; building or opening one does."""

from seqdl.models.registry import ModelEntry, Preset, build_model, get_entry, list_models, register

__all__ = ["ModelEntry", "Preset", "build_model", "get_entry", "list_models", "register"]
