"""Networks with trained weights, and real data to calibrate and to judge them by.

Every one comes from a package that is installed, or is trained here from a packaged data set with
a fixed seed; nothing is downloaded and the repository holds none of it.
"""
