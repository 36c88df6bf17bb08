"""Tables, listings, figures and the flow: what is counted, and how a sum is read."""
