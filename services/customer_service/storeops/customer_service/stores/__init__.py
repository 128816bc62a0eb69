"""Stores: a local copy, so that a case is only opened in a store that exists. Decides nothing about stores."""
