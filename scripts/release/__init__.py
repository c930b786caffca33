"""Builds and checks everything that a release publishes: ``make release``, see docs/releasing.md."""
