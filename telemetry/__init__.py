"""nev-telemetry: battery and charging telemetry from vehicle buses into InfluxDB."""

__all__ = ["__version__"]

__version__ = "0.1.0"
