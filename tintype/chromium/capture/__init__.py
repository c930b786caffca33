"""The steps of one capture."""
