"""A comparison whose module never finishes loading."""

import time

time.sleep(1000)
