"""Archives of recordings as a dataset of Parquet files, a vehicle's day at a time."""

from telemetry.lake.files import accounts as accounts
from telemetry.lake.files import files as files
from telemetry.lake.write import Written as Written
from telemetry.lake.write import write as write
