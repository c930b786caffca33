"""Capture of one page: the steps, one module each, and the context that they share."""
