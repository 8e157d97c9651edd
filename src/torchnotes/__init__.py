"""What the examples of TorchNotes share: small data sets that a worker process can import."""

__all__ = ["__version__"]

__version__ = "0.1.0"
