"""Where a study's events, subjects and sums are kept, and how they are kept right."""
