"""The protocols that are followed, by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from telemetry.protocols.known import OnDemand

if TYPE_CHECKING:  # a service that follows no charge imports none of it
    from telemetry_core.charge.follow_spec import FollowSpec

FOLLOWED: Mapping[str, "FollowSpec"] = OnDemand("telemetry.charging.follow", "gbt27930", "chademo")
