"""cuda-python before 12.6, and no `cuda.bindings`."""
