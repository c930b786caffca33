"""Removal of consent dialogs, ads, chat widgets and trackers from pages."""
