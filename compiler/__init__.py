"""mcompile: a trained model in, an artifact judged against a device's budgets out."""
