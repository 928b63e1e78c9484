"""Ours for LiteRT against litert-torch with ai-edge-quantizer, and against onnx2tf."""
