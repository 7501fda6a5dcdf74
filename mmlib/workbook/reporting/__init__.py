"""From records to what a person reads: claims, verdicts, tables and the HTML report. Nothing here computes a result."""
