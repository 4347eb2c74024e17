"""Training a stack: K networks of one shape, advanced step by step as one program."""
