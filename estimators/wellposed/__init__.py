"""Regularized neural networks as scikit-learn estimators."""
