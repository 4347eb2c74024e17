"""The claims of a study against its finished tables."""
