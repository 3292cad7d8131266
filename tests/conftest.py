"""Fixtures and hooks of the whole suite."""

pytest_plugins = ["tests.support.required"]
