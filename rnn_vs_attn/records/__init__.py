"""A run on disk: what it holds, how it is read and checked, how records are chosen."""
