"""The board at a meeting point: requests that wait, by what may be trained side by side."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable

from .request import Outcome, Request
from .tasks import Task

_CACHE_BYTES = 4 << 20  # working set of one stack, to stay in a core's caches
_MAX_STACK = 64
_MIN_SHARE = 8  # networks below which a stack is not shared between trainers


def stack_size(request: Request) -> int:
    """How many such networks train well side by side: as many as the caches hold."""
    network = request.network
    if network.exact_rows:
        return 1
    units = network.n_inputs_padded + sum(network.hidden_units)
    copies = 50 if request.solver == "lbfgs" else 4  # of the parameters
    numbers = copies * network.size + 3 * units * request.width
    fit = _CACHE_BYTES // (numbers * request.rows.table.element_size())
    return max(1, min(_MAX_STACK, fit))


class Post:
    """A request on the board."""

    def __init__(self, task: Task, request: Request) -> None:
        self.task, self.request, self.size = task, request, stack_size(request)
        self.told = threading.Event()
        self.outcome: Outcome | BaseException | None = None

    def result_is_there(self) -> bool:
        """Wait for news: the outcome, or that this task is to train."""
        self.told.wait()
        self.told.clear()
        return self.outcome is not None

    def result(self) -> Outcome:
        """Return the outcome; raises where it is an exception."""
        outcome, self.outcome = self.outcome, None
        assert outcome is not None
        if isinstance(outcome, Outcome):
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # whose traceback holds this frame


class Board:
    """Posts by the structure of their requests. Whoever calls holds the meeting's lock.

    Attributes
    ----------
    open : set of Post
        Those not told yet, on the board or in training.
    n_posts : int
        How many there have ever been.
    """

    def __init__(self) -> None:
        self._groups: dict[Hashable, list[Post]] = {}
        self.open: set[Post] = set()
        self.n_posts = 0

    def __bool__(self) -> bool:
        return bool(self._groups)

    def put(self, post: Post) -> None:
        """Put up a post."""
        self.open.add(post)
        self.n_posts += 1
        self._groups.setdefault(post.request.structure, []).append(post)

    def is_full(self) -> bool:
        """Whether there are enough of a structure for a stack."""
        return bool(self._full())

    def _full(self) -> list[Hashable]:
        return [key for key, posts in self._groups.items() if len(posts) >= posts[0].size]

    def first(self) -> Post:
        """Return one of the posts that wait."""
        return next(iter(self._groups.values()))[0]

    def take(self, in_training: int, trainers: int | None) -> list[Post]:
        """Take a stack down: of the largest full group, or else of the largest.

        ``trainers`` is how many trainers share what is there, as no more is to come, and
        ``in_training`` the number of networks that they are at; None if there is more to come.
        """
        keys = self._full() or list(self._groups)
        key = max(keys, key=lambda key: len(self._groups[key]))
        posts = self._groups.pop(key)
        posts.sort(key=lambda post: post.request.n_updates)  # those of a length together
        size = posts[0].size
        if trainers is not None:  # no more than a fair share: stacks in training are half done
            share = max(_MIN_SHARE, math.ceil((len(posts) + in_training / 2) / trainers))
            if len(posts) - share >= _MIN_SHARE:  # what is left is worth a stack, too
                size = min(size, share)
        stack, rest = posts[:size], posts[size:]
        if rest:
            self._groups[key] = rest
        return stack

    def tidy(self) -> None:
        """Take down the posts that have been told."""
        for key, posts in list(self._groups.items()):
            self._groups[key] = [post for post in posts if post in self.open]
            if not self._groups[key]:
                del self._groups[key]
