"""Threads and processes in which many fits are trained side by side.

``fit_together`` opens a block; inside it, `backend` runs the tasks of joblib's calls in threads,
`scheduler` collects their training requests in a `queue`, and `trainers` train stacks of them, in
threads or in the processes of `process_pool`.
"""

from .block import fit_together

__all__ = ["fit_together"]
