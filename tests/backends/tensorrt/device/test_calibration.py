"""The calibration table, as the device completes it."""

from __future__ import annotations

import struct

from mcompile.backends.tensorrt.device.calibration import calibrator, table


def test_the_first_line_names_the_release():
    body = b"x: " + struct.pack(">f", 4 / 127).hex().encode() + b"\n"
    assert table("8.5.2.2", body) == b"TRT-8502-EntropyCalibration2\nx: 3d010204\n"
    assert table("10.3.0", b"") == b"TRT-100300-EntropyCalibration2\n"


def test_a_calibrator_without_data():
    class Api:
        class IInt8EntropyCalibrator2:
            def __init__(self):
                self.bound = True

    held = calibrator(Api, b"table")
    assert held.bound
    assert held.read_calibration_cache() == b"table"
    assert held.get_batch_size() == 1
    assert not held.asked
    assert held.get_batch(["x"]) is None
    assert held.asked
    assert held.write_calibration_cache(b"other") is None
    assert held.read_calibration_cache() == b"table"
