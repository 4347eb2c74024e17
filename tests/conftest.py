"""What all tests need of the process they run in."""

import signal

# A shell starts background jobs with Ctrl-C ignored, and what is ignored is inherited, also by
# processes that tests start: tests of interrupts would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
