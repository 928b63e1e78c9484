"""cuda-python 12.6 and later."""
