"""TensorRT as far as a script can tell: the API of one release, computed by ONNX Runtime.

`majors.py` says what each release has; anything else raises AttributeError, and anything that is
there but not played raises NotImplementedError.
"""

import enum
import sys

from stage import DEVICE

from . import building, running
from .bound import Bound, limited, release

__version__ = DEVICE["tensorrt"]
HAS = release(__version__)
SEVERITIES = ("INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE")
# In the order of the C++ enumerations, whose numbers are the bits of the network's flags.
ORDERS = {"NetworkDefinitionCreationFlag": {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1}}


class ILogger(Bound):
    """The base of what a user's logger derives from; it may hold what it likes."""

    Severity = enum.IntEnum("Severity", SEVERITIES, start=0)
    __setattr__ = object.__setattr__

    def __init__(self):
        pass

    def log(self, severity, msg):
        raise NotImplementedError("pure virtual")


def init_libnvinfer_plugins(logger, namespace):
    """The plugins are registered."""
    assert isinstance(logger, ILogger)
    return namespace == ""


def _enumeration(name):
    places = ORDERS.get(name, {})
    values = {n: places.get(n, 10 + i) for i, n in enumerate(sorted(HAS[name]))}
    return enum.IntEnum(name, values)


ENUMERATIONS = (
    "BuilderFlag", "NetworkDefinitionCreationFlag", "ProfilingVerbosity", "DataType",
    "MemoryPoolType", "TensorIOMode", "LayerInformationFormat", "DeviceType",
)  # fmt: skip
_HERE = sys.modules[__name__]
for _name in ENUMERATIONS:
    if _name in HAS:
        setattr(_HERE, _name, _enumeration(_name))
for _played in (*building.CLASSES, *running.CLASSES):
    if _played.__name__ in HAS:
        limited(_played, HAS[_played.__name__])
        setattr(_HERE, _played.__name__, _played)
building.TRT = running.TRT = _HERE
