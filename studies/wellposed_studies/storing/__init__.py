"""A results folder: finished cells, the tables of a run, its manifest, and reading them back."""
