"""Our integers for TensorRT beside those of NVIDIA's Model Optimizer, from one float model."""
