"""Not installed, whatever this machine has."""

raise ImportError("No module named 'tensorrt'")
