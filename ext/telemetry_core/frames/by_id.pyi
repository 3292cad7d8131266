from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.seen_ids import SeenIds

RUN_FRAMES: int  # in succession, that a sample has or lacks together

class FramesById(SeenIds):
    def __init__(self, most: int) -> None: ...
    def take(self, frames: FrameBatch) -> None: ...
