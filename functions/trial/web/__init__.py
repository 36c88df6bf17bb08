"""The API: routes, what they read, and how it is answered."""
