"""numpy, where the device has it: without it the script must still say what is missing."""

from typing import Any

np: Any
try:
    import numpy as np
except ImportError:
    np = None
