"""What each runtime's integer arithmetic is: one file a runtime, constants and their sources."""
