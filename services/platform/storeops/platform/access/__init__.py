"""Signing in, tokens and API keys."""
