"""One thread per process everywhere, since two torch threads on two shared cores are slower than one; no timed test."""

import os
import signal

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a shell script
    signal.signal(signal.SIGINT, signal.default_int_handler)
