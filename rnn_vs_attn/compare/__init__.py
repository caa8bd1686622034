"""Two runs or versions judged: verdicts, their report."""
