"""The process that measures, its client, and where it finds the user's modules."""
