"""InfluxDB, and what speaks its write API."""
