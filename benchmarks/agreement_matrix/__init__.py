"""How near the outputs of one model are to each other, over the runtimes that it was built for."""
