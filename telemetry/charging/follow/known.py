"""The protocols that are followed, by name."""

from collections.abc import Mapping

from telemetry.charging.follow.chademo import CHADEMO
from telemetry.charging.follow.gbt27930 import GBT27930
from telemetry.charging.follow.table import FollowTable

FOLLOWED: Mapping[str, FollowTable] = {table.protocol: table for table in (GBT27930, CHADEMO)}
# Chargers that say what they give, and nothing of a session
SHOWN_BY_POWER = frozenset(("elcon", "elcon_extended", "huawei_r48xx", "infypower"))
