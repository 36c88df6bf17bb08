"""What changes something: events taken in, definitions, erasure, audit."""
