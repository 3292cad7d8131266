"""What each key of the configuration means, in words, for `tools.pages.configuration`.

The order is that of the page. A default is given here only where the code's own says too little: one that
depends on something else.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """default: in words, where it is no plain value."""

    default: str
    meaning: str


def _words(meaning: str, default: str = "") -> Words:
    return Words(default, meaning)


_DEVICE = {
    "protocol": _words("what the device speaks, see [serial devices](serial.md)"),
    "registers": _words(
        "of `modbus`: the [map of registers](serial.md#a-map-of-registers), a file, or the name of one that"
        " comes along",
        "required by `modbus`",
    ),
    "address": _words(
        'the device\'s address; of `dlt645` the digits on its plate: `"112233445566"`',
        "the protocol's usual one",
    ),
    "pack": _words("the tag `pack`"),
    "charger": _words("the tag `charger`, of fields of `charger`"),
    "poll_every_s": _words(
        "how often values are requested; slower requests keep their proportion", "the protocol's"
    ),
    "reply_timeout_s": _words("how long an answer may take; more over a slow network", "the protocol's"),
    "invert_current": _words("for devices whose firmware counts discharging positive"),
}

_SOURCE: Mapping[str, Words] = {
    "name": _words("the tag `source`; letters, digits and `_ . : -`, 64 at most; each name once"),
}
_DATABASES: Mapping[str, Words] = {
    "databases": _words("DBC, ARXML, KCD, SYM; without any, frames are counted and not decoded", "none"),
    "first_wins": _words("an id in two databases means the first one's message; otherwise it is an error"),
    "j1939": _words("extended ids are matched by PGN even where the database does not declare J1939"),
    "keep_not_available": _words('J1939 "error" and "not available" are values like any other'),
    "value_texts": _words(
        "each signal with a value table has a second field `SIGNAL_text` with the word; absent where the"
        " table has no word"
    ),
    "id_masks": _words(
        'in hexadecimal, the bits in which ids are compared: `["7F0"]` of 11 bits, `["1FFFFF00"]` of 29',
        "all",
    ),
}
_PROTOCOLS: Mapping[str, Words] = {
    "protocol": _words(
        "what is spoken on the bus, a name or a list of names, beside `databases` or in place of them: see"
        " [DC charging](protocols/gbt27930.md)",
        "none",
    ),
    "charger": _words("with `protocol`: the tag `charger` of what it says about the charger"),
    "messages": _words("with `protocol`: the messages themselves are written, too, as `PROTOCOL_MESSAGE`"),
}
_SIMULATED_TIME: Mapping[str, Words] = {
    "time_scale": _words(
        "for simulators that run faster than the clock: simulated seconds a second", "real time"
    ),
    "time_origin_ns": _words("with `time_scale`: the simulated time …"),
    "time_wall_ns": _words("with `time_scale`: … at this time of the wall clock"),
}

WORDS: Mapping[str, Mapping[str, Words]] = {
    "top": {
        "vehicle": _words("the tag `vehicle` of every point"),
        "clock": _words(
            '`"wait"`: the time is unknown until the kernel calls its clock synchronised; until then batches'
            " wait, stamped relative to boot"
        ),
        "gateway_every_s": _words("how often the service writes its own state (`gateway`)"),
        "include": _words(
            "more files of configuration; `*` and `?` may stand in the last part, as in `conf.d/*.toml`",
            "none",
        ),
        "cache_directory": _words("compiled databases", "`plans` in the spool's folder"),
    },
    "influx": {
        "url": _words(
            "`http://` or `https://`, without credentials", "`INFLUXDB_V2_URL`, otherwise required"
        ),
        "api": _words("`/write?db=` (v1), `/api/v2/write` (v2), or whichever the server answers to (auto)"),
        "org": _words("API v2: the organisation", "`INFLUXDB_V2_ORG`"),
        "bucket": _words(
            "API v2; stands in for `database`; one of them must be given", "`INFLUXDB_V2_BUCKET`"
        ),
        "database": _words("API v1; stands in for `bucket`"),
        "retention_policy": _words("API v1", "the database's own"),
        "token_file": _words(
            "a file with one line that nobody else may read; read again when the server refuses it",
            "the token is in `INFLUXDB_V2_TOKEN`",
        ),
        "token": _words("the same, from a variable of any name", ""),
        "username": _words("API v1"),
        "password_file": _words("API v1; like `token_file`"),
        "password": _words("API v1; like `token`"),
        "create": _words("make the bucket or database when it is missing"),
        "ca_file": _words("certificates to trust", "the system's"),
        "unsafe_skip_tls_verification": _words("what its name says"),
        "proxy": _words("`http://…`, without credentials"),
    },
    "spool": {
        "directory": _words("made if missing, for this user only"),
        "cap_mib": _words(
            "the oldest data is evicted beyond it, counted",
            "the smaller of 1 GiB and half of what is free or already held; more when more is free later",
        ),
        "max_age_h": _words("data older than this is evicted, counted", "none"),
        "keep_free_mib": _words("always left free on the disk"),
    },
    "send": {
        "messages": _words("false: the data model, events and the service's own state alone"),
        "only": _words('globs of messages: no others are sent, as in `["BMS_*"]`', "all"),
        "without": _words("globs of messages that are not sent; stronger than `only`", "none"),
        "every_s": _words(
            "how long a batch collects what is sent: longer costs fewer bytes where little is sent;"
            " values, alarms too, come that late, and a power cut costs that much"
        ),
    },
    "charging": {
        "vin": _words(
            'how a vehicle identification number is written: `"digest"`: 12 hexadecimal digits that only'
            ' this installation can make of it, `"plain"`: as it is, `"off"`: not at all; `decode` writes it'
            " as it is"
        ),
    },
    "cross_check": {
        "current_a": _words("currents that are asked for and measured may be so far apart, …"),
        "current_pct": _words("… and so many percent of the higher one besides"),
        "voltage_v": _words("voltages may be so far apart, …"),
        "voltage_pct": _words("… and so many percent of the higher one besides"),
        "for_s": _words("an event comes after so long beyond that, in means of 10 s"),
    },
    "session": {
        "pack": _words("the pack into which power flows, as a `[[map]]` or a device names it; or …", "none"),
        "charger": _words("… the charger that gives it", "none"),
        "starts_above_w": _words("a session begins with power over this …"),
        "starts_after_s": _words("… that lasts so long: braking is shorter"),
        "ends_after_s": _words("it ends after so long without"),
    },
    "reduce": {
        "every_s": _words("the interval; 0: send everything"),
        "flags_every_s": _words(
            "of flags in messages: one change passes at once in each of these intervals, and the last state"
            " goes out when it ends; 0: each change passes"
        ),
        "flags": _words(
            "the same of single measurements, also of the data model: `flags = { BMS_Alive = 3600.0 }`",
            "none",
        ),
        "measurements": _words(
            "intervals of single measurements, in s: `measurements = { Cells = 10.0, Alarms = 0.0 }`", "none"
        ),
    },
    "web": {
        "listen": _words(
            "an IP address and a port; `[::1]:8480` is IPv6; port 0: any free one (the log and `status`"
            ' name it); `"off"`: no page'
        ),
        "names": _words(
            "by which browsers and scrapers call this machine, besides its own name, `localhost` and"
            " addresses",
            "none",
        ),
        "values": _words("`/metrics` has the [live values](web.md#values-as-metrics), too"),
    },
    "can": {
        **_SOURCE,
        "interface": _words("the network interface; it may appear later, and go and come back", "`name`"),
        "socket": _words("in place of an interface: a UNIX SEQPACKET socket that carries `struct can_frame`"),
        "bitrate": _words(
            "bits a second, only to measure the load of the bus; for `vcan` and simulators, which have no"
            " rate",
            "the interface's own",
        ),
        "data_bitrate": _words("likewise, of the data part of CAN FD frames; beside `bitrate`", "`bitrate`"),
        **_DATABASES,
        **_PROTOCOLS,
        "receive_buffer_kib": _words(
            "the size that the kernel is asked for; a warning reports a smaller one"
        ),
        "hardware_stamps": _words("stamps of the controller's own clock, re-anchored"),
        **_SIMULATED_TIME,
    },
    "can.isotp": {
        "id": _words("in hexadecimal: up to 3 digits, or 8 for an id of 29 bits"),
        "extended_addressing": _words("the first byte of each frame is an address"),
        "with_length": _words(
            "the payload is preceded by the low byte of its length, as some published databases count"
        ),
    },
    "python_can": {
        **_SOURCE,
        "options": _words(
            'python-can\'s own: `options = { interface = "slcan", channel = "/dev/ttyACM0" }`;'
            " what is missing comes from python-can's configuration files and environment, all of it for"
            " `options = {}`",
            "required",
        ),
        "context": _words(
            "in place of `options`, or beside them: the section of python-can's configuration files"
        ),
        **_DATABASES,
        **_PROTOCOLS,
    },
    "serial": {
        **_SOURCE,
        "port": _words(
            "a path, best a link in `/dev/serial/by-id`, which stays when the number changes; or a URL of"
            " pyserial: `socket://HOST:PORT`, `rfc2217://HOST:PORT`; or `tcp://HOST[:PORT]` for Modbus/TCP"
        ),
        **_DEVICE,
        "baud_rate": _words("bits a second", "the protocol's"),
        "parity": _words("of each byte", "the protocol's"),
        "stop_bits": _words("after each byte", "the protocol's"),
        "capture": _words("a text file to which all bytes sent and received are appended", "none"),
        "capture_mib": _words("how much the capture may take, with the older file `….1` beside it"),
        **_SIMULATED_TIME,
    },
    "serial.device": {
        "name": _words("the tag `source`; each name once, as those of sources"),
        **_DEVICE,
    },
    "replay": {
        **_SOURCE,
        "file": _words("`candump`, `.asc`, `.blf`, GVRET `.csv`, `.trc`, `.mf4`, each also `.gz` or `.zst`"),
        "speed": _words("times the recorded speed", "as fast as possible"),
        **_DATABASES,
        **_PROTOCOLS,
        "channel_databases": _words(
            'for channels with databases of their own: `channel_databases = { can1 = ["chassis.dbc"] }`',
            "none",
        ),
    },
    "map": {
        "signal": _words("`Message.Signal`, as the database names them; `{n}` stands for a number"),
        "to": _words("`measurement.field` of the [data model](data-model.md), or `event.CODE`"),
        "scale": _words(
            "from the signal's unit to the field's; -1 where the database counts discharging positive"
        ),
        "offset": _words("added after scaling"),
        "index_from": _words("0 where the database counts cells from 0"),
        "absent": _words(
            "the raw values, or their words in the database's value table, that mean no value: they fill no"
            " field, and neither begin nor end an alarm",
            "none",
        ),
        "bus": _words("the source whose databases are meant", "all"),
        "sender": _words(
            'the J1939 device that the message comes from: its address in hexadecimal, `"00"` to `"FD"`;'
            " only of messages that are matched by PGN, or of charging modules",
            "the first one heard",
        ),
        "pack": _words("the tag `pack`"),
        "charger": _words("the tag `charger`, of fields of `charger` and `meter`", '`"main"`'),
        "values": _words(
            "into a text: what each raw value, or word of the database's value table, is:"
            ' `values = { 3 = "cc", Float = "float" }`',
            "the words of the value table",
        ),
        "bit": _words("of an alarm: the one bit that means it", "any value but 0"),
        "when": _words(
            "of an alarm: the raw values, or their words in the database's value table, that mean it",
            "any value but 0",
        ),
        "level": _words("of an alarm", "the code's"),
        "text": _words("of an alarm: for people", "the code's meaning and the signal"),
    },
    "protect": {
        "message": _words("the message, as the database names it", "one of the two"),
        "id": _words(
            "the message, by the id of its frames in hexadecimal: up to 3 digits, or 8 for an id of 29 bits",
            "one of the two",
        ),
        "profile": _words(
            "the CRC-8 of SAE J1850; AUTOSAR E2E profile 1 (variants 1A, 1B, 1C, and with the low byte of the"
            " data id alone), 2 or 5; or a counter without a checksum"
        ),
        "bus": _words("the source whose databases are meant", "all"),
        "crc": _words(
            "the signal that holds the checksum",
            "profile 1 and 2: byte 0; profile 5: bytes 0 and 1; `crc8-j1850`: required",
        ),
        "counter": _words(
            "the signal that holds the counter",
            "profile 1 and 2: the low nibble of byte 1; profile 5: byte 2; `crc8-j1850`: no counter;"
            " `counter`: required",
        ),
        "data_id": _words(
            "profile 1 and 5: the data id, of 16 bits; `crc8-j1850`: two bytes before the payload, the low"
            " one first",
            "profile 1 and 5: required; `crc8-j1850`: none",
        ),
        "data_id_list": _words("profile 2: its 16 data ids, of 8 bits", "profile 2: required"),
        "byte_count": _words("how many bytes of the payload are protected", "the message's length"),
        "counter_max": _words(
            "the highest counter, after which comes 0", "profile 1: 14; others: all that its bits hold"
        ),
        "max_skip": _words("how many frames may be missing between two before the counter is wrong"),
        "timeout_s": _words("after a silence of this length any counter is right"),
        "on_error": _words(
            "a frame with a wrong checksum or counter is left out (drop); marked by the field `protection_ok`"
            " and kept out of the data model (flag); or only counted (keep)"
        ),
    },
    "limit": {
        "field": _words("`measurement.field`; `cells.v*` and `cells.t*` stand for all cells and sensors"),
        "above": _words("the limit, in the field's unit: a higher value crosses it", "one of the two"),
        "below": _words("the limit, in the field's unit: a lower value crosses it", "one of the two"),
        "hysteresis": _words("how far the value must come back until the event ends"),
        "for_s": _words("how long each row must cross it until the event begins"),
        "code": _words("the event's code, from the [data model](data-model.md), 100 or higher"),
        "level": _words("how much it matters", "the code's"),
        "pack": _words("the tag `pack` of the rows that are meant", "all"),
        "charger": _words("the tag `charger` of the rows that are meant", "all"),
    },
    "aggregate": {
        "pack": _words("the tag `pack` of the aggregate, and its tag `source`; no other pack has it"),
        "parallel": _words(
            "the packs, two at least, each once; or aggregates that stand above", "one of the two"
        ),
        "series": _words("likewise", "one of the two"),
    },
}

# Has of each table an entry with what it needs alone.
LEAST = """\
vehicle = "van-7"

[influx]
url = "http://127.0.0.1:8086"
database = "fleet"

[spool]
directory = "spool"

[[can]]
name = "can0"

[[can.isotp]]
id = "7E8"

[[python_can]]
name = "stick"
options = { interface = "slcan", channel = "/dev/ttyACM0" }

[[serial]]
name = "rs485"
port = "/dev/serial/by-id/usb-BMS"

[[serial.device]]
name = "bms"
protocol = "jbd"

[[replay]]
name = "log"
file = "drive.log"

[[session]]
pack = "main"

[[map]]
signal = "BMS_Pack.PackVoltage"
to = "battery.voltage_v"

[[protect]]
message = "BMS_Pack"
profile = "counter"
counter = "Counter"

[[limit]]
field = "cells.v*"
above = 4.2
code = "cell_overvoltage"

[[aggregate]]
pack = "house"
parallel = ["left", "right"]
"""

# Has every table, and every key that is asked for only beside another one.
EVERYTHING = """\
vehicle = "van-7"

[influx]
url = "http://127.0.0.1:8086"
database = "fleet"
token_file = "token"

[spool]
directory = "spool"

[reduce]
every_s = 1.0
measurements = { Cells = 10.0 }
flags = { Cells = 10.0 }

[send]
only = ["Cells"]

[web]
names = ["gateway-7.example.org"]

[[can]]
name = "can0"
databases = ["ev.dbc"]
time_scale = 60.0
time_origin_ns = 1772434800000000000
time_wall_ns = 1772434800000000000

[[can.isotp]]
id = "7E8"

[[python_can]]
name = "stick"
options = { interface = "slcan", channel = "/dev/ttyACM0" }

[[serial]]
name = "rs485"
port = "/dev/serial/by-id/usb-RS485"
baud_rate = 9600
stop_bits = 1

[[serial.device]]
name = "front"
protocol = "daly"

[[serial.device]]
name = "meter"
protocol = "modbus"
registers = "pzem_017"

[[serial]]
name = "bms"
port = "/dev/serial/by-id/usb-BMS"
protocol = "daly"
time_scale = 60.0
time_origin_ns = 1772434800000000000
time_wall_ns = 1772434800000000000

[[replay]]
name = "log"
file = "drive.log"
channel_databases = { can1 = ["chassis.dbc"] }

[charging]
vin = "digest"

[cross_check]
current_a = 2.0

[[session]]
pack = "main"

[[map]]
signal = "BMS_Pack.PackVoltage"
to = "battery.voltage_v"
values = { 3 = "bulk" }

[[protect]]
message = "BMS_Pack"
profile = "e2e-1a"
data_id = 0x123

[[limit]]
field = "cells.v*"
above = 4.2
code = "cell_overvoltage"

[[aggregate]]
pack = "house"
parallel = ["left", "right"]
"""
