"""Statistics: intervals, tests of ranks, growth laws, crossings of curves."""
