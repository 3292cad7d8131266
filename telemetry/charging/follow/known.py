"""The protocols that are followed, by name."""

from collections.abc import Mapping

from telemetry.charging.follow.gbt27930 import GBT27930
from telemetry.charging.follow.table import FollowTable

FOLLOWED: Mapping[str, FollowTable] = {table.protocol: table for table in (GBT27930,)}
