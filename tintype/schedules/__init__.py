"""Schedules: jobs that are submitted again and again, and the changes between their runs."""
