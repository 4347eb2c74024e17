"""Script: interrupt random schedules at random moments, then run another one in the same block.

Arguments: the test file that makes schedules, the first seed, how many, and the longest delay of an
interrupt in seconds. Prints how many were interrupted.
"""

import faulthandler
import gc
import os
import random
import runpy
import signal
import sys
import threading
import time
import warnings
from types import SimpleNamespace

import joblib.parallel

from wellposed import _execution, fit_together
from wellposed.together import admission, backend, queue, trainers
from wellposed.together import scheduler as module


def main(file, first, number, longest):
    schedules = SimpleNamespace(**runpy.run_path(file))
    warnings.simplefilter("ignore")
    _execution.train = trainers.train = schedules.fake_train
    module._STALL_TIMEOUT = backend._JOIN_TIMEOUT = 1e6
    joblib.parallel.time = SimpleNamespace(time=time.time, sleep=lambda s: time.sleep(s / 20))
    interrupted = 0
    for seed in range(first, first + number):
        rng = random.Random(seed)
        queue._MAX_STACK, admission._MAX_TASKS = rng.choice([1, 2, 8]), rng.choice([1, 2, 5, 256])
        one, another = schedules.draw_call(rng, False), schedules.draw_call(rng, False)
        faulthandler.dump_traceback_later(60, exit=True)
        with fit_together(max_memory=rng.choice([1, 2e3, 2e9])) as scheduler:
            timer = threading.Thread(target=interrupt_after, args=(rng.random() * longest,))
            try:
                timer.start()  # the interrupt may come before this returns
                schedules.run_call(one)
                timer.join()
                time.sleep(1)  # the interrupt comes here
            except KeyboardInterrupt:
                interrupted += 1
            assert schedules.run_call(another) == schedules.expect("call", another), seed
        end = time.monotonic() + 5
        while [t for t in threading.enumerate() if t.name.startswith("wellposed")]:
            assert time.monotonic() < end, seed
            time.sleep(1e-3)
        counts = scheduler._admission
        jobs = (scheduler._queue, scheduler._queue.unfinished)
        state = (counts.admitted, counts.pending, *jobs)
        assert not any(state), (seed, state)
        gc.collect()  # a call whose start was interrupted has no other end
        assert not counts.is_anybody_busy(), seed
    faulthandler.cancel_dump_traceback_later()
    print(interrupted)


def interrupt_after(seconds):
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
