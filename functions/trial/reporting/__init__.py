"""One consistent state of a study, and the documents that show it."""
