"""One file for each family of ops, with a table `LOWERINGS`."""
