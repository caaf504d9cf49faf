"""The PyTorch worker of skipthink. It computes; what is computed is decided by the TypeScript side and written in jobs."""

__version__ = "0.1.0"
