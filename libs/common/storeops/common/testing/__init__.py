"""The test harness: all services in one process on real PostgreSQL, time in the test's hand. Shipped, because teams
that build on the events test with it too.
"""
