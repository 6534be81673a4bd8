"""Reads the section `{{section}}` of the configuration, and refuses what is wrong in it before
anything is built."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.reload_handler import (
    Descriptor,
    Difference,
    DifferenceKind,
    Outcome,
    Proposal,
    Wanted_Nothing,
)
from wit_world.imports import log
from wit_world.imports.types import Problem, Severity

SECTION = "{{section}}"


class ReloadHandler(exports.ReloadHandler):
    def describe(self):
        return Descriptor(f"reads the section {SECTION}", [SECTION])

    def propose(self, change):
        """Before anything is built. Raise Err([Problem, ...]) with every problem at once."""
        after = json.loads(change.next).get(SECTION)
        before = json.loads(change.previous or "{}").get(SECTION)
        if after is not None and not isinstance(after, dict):
            message = f"must be a map, not {json.dumps(after)}"
            raise Err([Problem(Severity.ERROR, SECTION, message, None)])
        differences = []
        if before is None and after is not None:
            differences.append(Difference(DifferenceKind.ADDED, SECTION))
        elif before is not None and after is None:
            differences.append(Difference(DifferenceKind.REMOVED, SECTION))
        elif before != after:
            differences.append(Difference(DifferenceKind.CHANGED, SECTION))
        return Proposal(Wanted_Nothing(), differences)

    def compose(self, next, offers):
        """The whole catalog, or None to leave it to the other handlers."""
        return None

    def finished(self, generation, outcome):
        if outcome == Outcome.APPLIED:
            log.log(log.Level.INFO, f"generation {generation} serves")
