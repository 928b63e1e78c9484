"""pycuda as far as it is needed, on the GPU of the stage."""
