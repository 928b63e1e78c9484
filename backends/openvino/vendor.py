"""The runtime's own package, without the reports of its use.

`import openvino` would import `openvino_telemetry` where that is installed, as it is by default,
and that writes an identifier into the home folder and sends events to the vendor. What nobody asked
for is not sent: the package is made to look absent, which OpenVINO provides for.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402

__all__ = ["ov"]
