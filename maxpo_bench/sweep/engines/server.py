"""Imported by the fork server before anything else, and by nothing else: ties the server to the sweep's process.

Python's fork server ends only after the last of its children, because each of them holds its pipe. Here the kernel
ends it together with the sweep, and the runs together with it. Ctrl-C, which a terminal sends to the server too, is
left to the sweep from the first moment on.
"""

import signal

from maxpo_bench.sweep.engines.child import kill_with_parent

kill_with_parent()
signal.signal(signal.SIGINT, signal.SIG_IGN)
