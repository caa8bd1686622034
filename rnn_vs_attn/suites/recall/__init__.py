"""`recall`: is a long-range dependency learnt, not only reachable."""
