"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import settings

# How long one example takes says more about the machine than about the code.
settings.register_profile("jobrunner", deadline=None)
settings.load_profile("jobrunner")

# Under `nohup`, or behind `&` in a script, the tests and all that they start would ignore these signals.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
