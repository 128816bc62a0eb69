"""Changes of a listing's one price."""
