"""One subject: the fold of its records, and what is derived of them."""
