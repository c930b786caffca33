"""Tintype: self-hosted website thumbnails."""

__version__ = "0.1.0"
