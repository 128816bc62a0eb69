"""How soon a case must be settled, and when it goes up by itself (CSV-2). Pure."""
