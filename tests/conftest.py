"""What all tests need of the process they run in."""

import gc
import os
import signal
import threading
import time

import pytest

# A shell starts background jobs with Ctrl-C ignored, and what is ignored is inherited, also by
# processes that tests start: tests of interrupts would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Workers must collect the same names, and an address differs from process to process."""
    named = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if named:
        raise pytest.UsageError(f"the name of a test holds an address, give ids=: {named[0]}")


@pytest.fixture
def ctrl_c():
    """`ctrl_c(seconds)` interrupts the main thread after so long; it returns the list of when.

    hypothesis measures the garbage collector's time in a callback of its, and Python drops an
    exception that arises there, an interrupt too: no such callbacks while Ctrl-C is pressed.
    """
    callbacks, gc.callbacks[:] = gc.callbacks[:], []
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    struck: list[float] = []
    timers: list[threading.Timer] = []

    def strike():
        struck.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    def after(seconds):
        timers.append(threading.Timer(seconds, strike))
        timers[-1].start()
        return struck

    yield after
    for timer in timers:
        timer.join()
    signal.signal(signal.SIGINT, handler)
    gc.callbacks[:] = callbacks
