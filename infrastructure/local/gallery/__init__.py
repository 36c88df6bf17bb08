"""The gallery: what each construct of the language prints, made from an invented feed."""
