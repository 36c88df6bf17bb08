"""The bytes of a row: small, lossless, and sealed where they are personal."""
