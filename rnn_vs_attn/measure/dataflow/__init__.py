"""What depends on what: memory, longest chain, shortest route, reach."""
