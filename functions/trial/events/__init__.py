"""What upstream systems post: JSON, its envelope, the fields of each kind, and what is personal."""
