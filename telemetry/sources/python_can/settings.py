"""[[python_can]] of the configuration: any interface of python-can, with python-can's own options."""

import configparser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from telemetry.model.bit_rate import BitRate
from telemetry.model.finding import Grade
from telemetry.settings.declared import key, part, settings
from telemetry.settings.table import TomlTable
from telemetry.sources.keys import BusKeys, SourceKeys
from telemetry.sources.python_can.source import PythonCanSource
from telemetry.sources.settings import Resource, SourceSettings, Start


@settings(kw_only=True)
class PythonCanKeys(SourceKeys):
    """[[python_can]], as a file has it."""

    options: Mapping[str, Any] | None = key(
        'python-can\'s own: `options = { interface = "slcan", channel = "/dev/ttyACM0" }`;'
        " what is missing comes from python-can's configuration files and environment, all of it for"
        " `options = {}`",
        kind="free",
        default=None,
        shown="required",
    )
    context: str | None = key(
        "in place of `options`, or beside them: the section of python-can's configuration files", default=None
    )
    bus: BusKeys = part()

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where nothing says which interface."""
        if self.options is None and self.context is None:
            hint = "such as slcan or gs_usb; options = {} takes it from python-can's own configuration"
            raise table.wrong("options.interface", "is missing", hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonCanSettings(SourceSettings):
    """[[python_can]]. options: of `can.Bus`, which checks them.

    It takes what is missing from python-can's own configuration files and environment.
    """

    options: Mapping[str, Any]
    keys: ClassVar[type[PythonCanKeys]] = PythonCanKeys

    @classmethod
    def of(cls, keys: PythonCanKeys, table: TomlTable) -> Self:
        options = dict(keys.options or {})
        if keys.context is not None:
            options["config_context"] = keys.context
        described = keys.bus.described(keys.name, table)
        return cls(**described, bit_rate=_bit_rate(options), options=options)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Return a device's path, where the channel is one: it is for one source alone."""
        port, _, _ = str(self.options.get("channel", "")).partition("@")  # slcan: PORT@BAUD
        return (Resource("options.channel", port),) if port.startswith("/dev/") else ()

    @property
    def listening_options(self) -> Mapping[str, Any]:
        return self.options

    def presence(self) -> Iterator[tuple[Grade, str]]:
        import can  # python-can is slow to import, and seldom needed
        from can.interfaces import VALID_INTERFACES

        try:
            interface = str(self.options.get("interface") or _configured(self.options.get("config_context")))
        except (can.CanError, configparser.Error, OSError, TypeError, ValueError) as error:
            yield Grade.FAULT, f"python-can's own configuration: {' '.join(str(error).split())}"
            return
        if not interface:
            yield Grade.FAULT, "neither options nor python-can's own configuration names an interface"
        elif interface in VALID_INTERFACES:
            yield Grade.FACT, f"python-can interface {interface}"
        else:
            yield Grade.FAULT, f"python-can has no interface {interface}"

    def make_source(self, start: Start) -> PythonCanSource:
        return PythonCanSource(self.name, self.options, start.clock, channel=start.number_of(self.name))


def _configured(context: str | None) -> str:
    """Return the interface that python-can's own configuration names; empty: none.

    Raises what python-can and configparser raise for a wrong one.
    """
    import can
    from can.util import load_config

    try:
        return str(load_config(context=context).get("interface") or "")
    except can.CanInterfaceNotImplementedError as error:
        if '"None"' in str(error):  # python-can's words where it finds no name
            return ""
        raise


def _bit_rate(options: Mapping[str, Any]) -> BitRate | None:
    """Return the bit rate as far as `options` give it."""
    nominal, data = (options.get(key) for key in ("bitrate", "data_bitrate"))
    if type(nominal) is not int or nominal <= 0:
        return None
    return BitRate(nominal, data if type(data) is int and data > 0 else None)
