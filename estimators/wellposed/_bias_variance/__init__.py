"""Parts of `wellposed.bias_variance`."""
