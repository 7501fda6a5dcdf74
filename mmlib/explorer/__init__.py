"""The explorer: a finished run looked into with widgets, and SimAM² on two small signals edited by hand."""
