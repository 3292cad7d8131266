"""Bytes: what a controller knows, as frames and replies."""

from telemetry.databases.cantools_alone import import_cantools_alone

import_cantools_alone()
