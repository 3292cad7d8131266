"""All harnesses by name. The name is also that of the folder with their corpus."""

from collections.abc import Callable, Mapping

from fuzz import buses, files, recordings, wire

HARNESSES: Mapping[str, Callable[[bytes], None]] = {
    "candump": recordings.log_harness("log.log"),
    "asc": recordings.log_harness("log.asc"),
    "blf": recordings.log_harness("log.blf"),
    "trc": recordings.log_harness("log.trc"),
    "mf4": recordings.mf4_harness,
    "mf4-layouts": recordings.log_harness("log.mf4"),
    "mf4-links": recordings.mf4_links_harness,
    "mf4-fields": recordings.mf4_fields_harness,
    "gvret": recordings.log_harness("log.csv"),
    "crtd": recordings.log_harness("log.crtd"),
    "pcap": recordings.log_harness("log.pcap"),
    "canhacker": recordings.log_harness("log"),
    "by-line": recordings.log_harness("log.txt"),
    "archive": recordings.archive_harness,
    "table": recordings.table_harness,
    "gzip": recordings.gzip_harness,
    "zst": recordings.zst_harness,
    "xz": recordings.xz_harness,
    "bzip2": recordings.bzip2_harness,
    "capture-jbd": recordings.capture_harness("jbd"),
    "capture-vedirect": recordings.capture_harness("vedirect"),
    "scrub-capture": recordings.scrub_capture_harness,
    "scrub-log": recordings.scrub_log_harness,
    "jbd": wire.jbd_harness,
    "vedirect": wire.vedirect_harness,
    "transport": wire.transport_harness,
    "can-protocols": buses.protocol_harness,
    "http": wire.http_harness,
    "verdict": wire.verdict_harness,
    "dbc": files.database_harness("a.dbc"),
    "arxml": files.database_harness("a.arxml"),
    "kcd": files.database_harness("a.kcd"),
    "sym": files.database_harness("a.sym"),
    "plan": files.plan_harness,
    "configuration": files.configuration_harness,
    "spool": files.spool_harness,
}
