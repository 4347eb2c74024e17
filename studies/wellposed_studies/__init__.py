"""Studies of regularization: declared, resumable, honest."""
