"""Published documents in S3."""
