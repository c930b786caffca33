"""Chromium processes: launch, user, namespaces, profiles, memory limits, self-test."""
