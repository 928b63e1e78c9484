"""The parts of `build_engine.py`, which finishes an engine kit on the device.

They are joined into one file by `mcompile.backends.tensorrt.script`, so they keep to Python 3.6,
the standard library, numpy and the device's own `tensorrt`, and import each other by name only.
"""
