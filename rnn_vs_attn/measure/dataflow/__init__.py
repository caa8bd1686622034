"""What depends on what: memory, longest chain, shortest route, receptive field."""
