"""Decides whether the watched file has changed: here, by its size."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.detector import Descriptor, Observation, Verdict, Wakes
from wit_world.imports.types import (
    FileError_NotAFile,
    FileError_NotFound,
    FileError_Other,
    FileError_PermissionDenied,
    FileKind,
)


class Detector(exports.Detector):
    def describe(self):
        return Descriptor("compares the size", Wakes.TICK | Wakes.EVENTS)

    def observe(self, target, wake, memory):
        """One look. `memory` are the bytes that the last one left; there are none at the first."""
        before = int(memory) if memory else None
        try:
            stat = target.stat()
        except Err as error:
            match error.value:
                case FileError_NotFound() | FileError_PermissionDenied() | FileError_NotAFile():
                    return Observation(Verdict.MISSING, memory or b"", "")
                case FileError_Other(message):
                    raise Err(message)
        if stat.kind != FileKind.REGULAR:
            return Observation(Verdict.MISSING, memory or b"", "")
        now = str(stat.size).encode()
        if before is None or before == stat.size:
            return Observation(Verdict.UNCHANGED, now, "")
        return Observation(Verdict.CHANGED, now, f"size {before} -> {stat.size}")
