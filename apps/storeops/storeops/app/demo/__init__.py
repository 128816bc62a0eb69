"""The demo's input: a year of real retail baskets, and everything the data lacks, seeded. Talks to no service."""
