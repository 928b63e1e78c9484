"""What is known about the numbers and sizes around a node: the algebra that rules share."""
