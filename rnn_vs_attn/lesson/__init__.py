"""The lesson: its claims, the short runs that decide them, and the ledger that says what became of each."""
