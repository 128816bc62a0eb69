"""Servers that need nothing but Python: PostgreSQL and Kafka out of wheels and jars, for one machine."""
