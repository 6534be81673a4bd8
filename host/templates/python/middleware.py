"""A step that calls pass through: here, one that refuses the tools it is told to refuse.

    middleware:
      - {{name}}: {tools: [deploy]}
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.middleware import (
    Decision_Pass,
    Decision_Refuse,
    Descriptor,
    Refusal,
    Revision_Pass,
    Ways,
)
from wit_world.imports.types import Problem, Severity


class Middleware(exports.Middleware):
    tools: list[str] = []

    def describe(self):
        return Descriptor("refuses tools", Ways.REQUEST)

    def configure(self, settings):
        """The settings below its name. Raise Err([Problem, ...]) with every problem at once."""
        tools = json.loads(settings).get("tools", [])
        if not isinstance(tools, list):
            raise Err([Problem(Severity.ERROR, "tools", "must be a list of tools", None)])
        Middleware.tools = tools

    def on_request(self, request):
        if request.name in Middleware.tools:
            return Decision_Refuse(Refusal(403, "not at this hour", None))
        return Decision_Pass()

    def on_response(self, request, reply):
        return Revision_Pass()
