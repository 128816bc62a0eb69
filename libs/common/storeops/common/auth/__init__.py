"""Who may do what: permissions by role, callers with grants, tokens."""
