"""Who a person of the reading room is, how that is proven, and what the person may do."""
