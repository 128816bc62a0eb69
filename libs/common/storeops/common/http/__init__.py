"""All FastAPI glue: routes with permissions, sessions, idempotency, problems, pages."""
