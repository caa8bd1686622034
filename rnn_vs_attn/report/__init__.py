"""Tables, plots and curves for people: terminal, Markdown, CSV, pictures."""
