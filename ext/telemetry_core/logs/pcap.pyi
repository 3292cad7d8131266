from telemetry_core.logs.reader import LogReader

class PcapReader(LogReader):
    @property
    def foreign(self) -> str: ...
