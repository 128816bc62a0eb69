"""The bench: what the system does a second, beside the raw limits of the same machine in the same run."""
