"""Two versions measured in turn: checkouts, pairs, decisions."""
