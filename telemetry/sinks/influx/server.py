"""Which InfluxDB, and how it is reached: what the table [influx] of a configuration holds."""

from enum import StrEnum
from functools import partial
from pathlib import Path

from telemetry.errors import ConfigError
from telemetry.settings.declared import key, settings
from telemetry.settings.table import TomlTable
from telemetry.sinks.address import checked_url
from telemetry.sinks.credentials import Secret


class Api(StrEnum):
    """How lines are written: `/write?db=` of InfluxDB 1.x, `/api/v2/write` of 1.8 and later, or find out."""

    AUTO = "auto"
    V1 = "v1"
    V2 = "v2"


@settings
class InfluxServer:
    """One database. `bucket` is its name in API v2, `database` in v1; each stands in for the other.

    A token given as a file is read again when the server refuses it. `proxy` is a URL without credentials.
    """

    url: str = key(
        "`http://` or `https://`, without credentials",
        variable="INFLUXDB_V2_URL",
        shown="`INFLUXDB_V2_URL`, otherwise required",
        convert=checked_url,
        hint="the server's address, here or in INFLUXDB_V2_URL; of decode: --url URL",
    )
    api: Api = key(
        "`/write?db=` (v1), `/api/v2/write` (v2), or whichever the server answers to (auto)", default=Api.AUTO
    )
    org: str = key(
        "API v2: the organisation", default="", variable="INFLUXDB_V2_ORG", shown="`INFLUXDB_V2_ORG`"
    )
    bucket: str = key(
        "API v2; stands in for `database`; one of them must be given",
        default="",
        variable="INFLUXDB_V2_BUCKET",
        shown="`INFLUXDB_V2_BUCKET`",
    )
    database: str = key("API v1; stands in for `bucket`", default="")
    retention_policy: str = key("API v1", default="", shown="the database's own")
    token_file: Path | None = key(
        "a file with one line that nobody else may read; read again when the server refuses it",
        default=None,
        shown="the token is in `INFLUXDB_V2_TOKEN`",
    )
    token: Secret | None = key(
        "the same, from a variable of any name", kind="secret", default=None, convert=Secret
    )
    username: str = key("API v1", default="")
    password_file: Path | None = key("API v1; like `token_file`", default=None)
    password: Secret | None = key("API v1; like `token`", kind="secret", default=None, convert=Secret)
    create: bool = key("make the bucket or database when it is missing", default=False)
    ca_file: Path | None = key("certificates to trust", default=None, shown="the system's")
    unsafe_skip_tls_verification: bool = key("what its name says", default=False)
    proxy: str = key(
        "`http://…`, without credentials",
        default="",
        convert=partial(
            checked_url, instead="give a proxy that asks for none: a login at a proxy is not supported"
        ),
    )
    connect_timeout_s: float = 5.0
    request_timeout_s: float = 10.0  # for a whole request, plus its size / slowest_bytes_per_s
    slowest_bytes_per_s: float = 20.0 * 1024

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError for values that cannot work together."""
        where = table.where()
        if not self.bucket and not self.database:
            hint = "give one of them; of decode: --bucket NAME or --database NAME"
            raise ConfigError("names no bucket and no database", where=where, hint=hint)
        for name, direct, file in (
            ("token", self.token, self.token_file),
            ("password", self.password, self.password_file),
        ):
            if direct is not None and file is not None:
                raise ConfigError(
                    f"{name} and {name}_file are both given", where=where, hint="keep one of them"
                )
        if (self.password or self.password_file) and not self.username:
            raise ConfigError("a password without a username", where=where)
        if self.ca_file is not None:
            import ssl  # the service's start needs it for this alone

            try:
                ssl.create_default_context(cafile=str(self.ca_file))
            except OSError as error:  # ssl.SSLError is one
                raise ConfigError(
                    f"holds no certificate: {error.strerror}", where=where.key("ca_file")
                ) from error

    def request_deadline_s(self, size_bytes: int) -> float:
        """Return how long a whole request of `size_bytes` may take, answer included."""
        return self.request_timeout_s + size_bytes / self.slowest_bytes_per_s

    @property
    def v1_database(self) -> str:
        """Return the database's name in API v1, as a bucket `db/rp` (InfluxDB 1.8) has it too."""
        return self.database or self.bucket.partition("/")[0]

    @property
    def v1_retention_policy(self) -> str:
        """Return the retention policy's name in API v1, empty for the default one."""
        if self.database or self.retention_policy:
            return self.retention_policy
        return self.bucket.partition("/")[2]

    @property
    def v2_bucket(self) -> str:
        """Return the bucket's name in API v2."""
        if self.bucket:
            return self.bucket
        return f"{self.database}/{self.retention_policy}" if self.retention_policy else self.database
