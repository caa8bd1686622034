"""Text made safe for where it stands, and streams that take everything."""
