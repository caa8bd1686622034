"""What a module does to its input, keeps, draws, and does over the batch."""
