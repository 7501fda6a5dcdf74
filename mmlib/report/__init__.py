"""Tables, pages and the report, drawn from records alone."""
