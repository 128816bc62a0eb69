"""What every StoreOps service stands on. Imports no service."""
