"""Live documents by change: what the last publication kept, who changed since, what is new."""
