"""The kinds of row a table can have: what a subject contributes, and how the sum is read."""
