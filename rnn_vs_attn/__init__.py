"""What recurrence costs and what attention costs, measured on this machine."""

__version__ = "0.1.0"
