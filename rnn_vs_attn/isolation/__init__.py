"""What a user's module changes in its process is put back, so that no other row and no label depends on it."""
