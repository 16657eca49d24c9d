"""A comparison whose module ends the process that imports it, as a crash in a library would."""

import os
import sys

sys.stderr.write("no thanks")
sys.stderr.flush()
os._exit(4)
