"""What the official conformance suite expects of a server: its tools, prompts and resources.

A tool is a generator: it yields notifications and questions, gets answers sent in, and returns its
result. So the same tool serves both eras, whatever the way of the messages is.
"""

import hashlib
import hmac
import json
import secrets
import time

IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
AUDIO = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
KEY = secrets.token_bytes(16)
NONE = {"type": "object", "properties": {}}


class Refused(Exception):
    """An error of JSON-RPC."""

    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.error = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data


def text(said):
    return {"content": [{"type": "text", "text": said}]}


def embedded(uri, kind, said):
    return {"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": said}}


PICTURE = {"type": "image", "data": IMAGE, "mimeType": "image/png"}


def schema(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


STRING = {"type": "string"}


def elicit(message, required, **properties):
    asked = {"message": message, "requestedSchema": schema(required, **properties)}
    return {"method": "elicitation/create", "params": asked}


def sample(prompt, tokens=100):
    message = {"role": "user", "content": {"type": "text", "text": prompt}}
    return {"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": tokens}}


ROOTS = {"method": "roots/list", "params": {}}
NAME = elicit("What is your name?", ["name"], name=STRING)
CONFIRM = elicit("Please confirm", ["ok"], ok={"type": "boolean"})

# ---- Tools: with what they say, without and with notifications and questions.

PLAIN = {
    "test_simple_text": lambda: text("This is a simple text response for testing."),
    "test_image_content": lambda: {"content": [PICTURE]},
    "test_audio_content": lambda: {"content": [{"type": "audio", "data": AUDIO, "mimeType": "audio/wav"}]},
    "test_embedded_resource": lambda: {
        "content": [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]
    },
    "test_multiple_content_types": lambda: {
        "content": [
            {"type": "text", "text": "Multiple content types test:"},
            PICTURE,
            embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
        ]
    },
    "test_error_handling": lambda: text("This tool intentionally returns an error for testing") | {"isError": True},
    "json_schema_2020_12_tool": lambda: text("called"),
    "test_custom_header": lambda: text("called"),
}


def logging_tool(call):
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        yield "tell", "notifications/message", {"level": "info", "data": said}
        time.sleep(0.05)
    return text("Tool with logging executed successfully")


def progress_tool(call):
    token = call.meta.get("progressToken", 0)
    for done in (0, 50, 100):
        said = {"progressToken": token, "progress": done, "total": 100, "message": f"Completed step {done} of 100"}
        yield "tell", "notifications/progress", said
        time.sleep(0.05)
    return text(str(token))


def reconnecting_tool(call):
    yield "close", None, None
    time.sleep(0.1)
    return text("Reconnection test completed successfully.")


def streaming_tool(call):
    token = call.meta.get("progressToken")
    if token is not None:
        yield "tell", "notifications/progress", {"progressToken": token, "progress": 1, "total": 2}
    return text("Streaming complete")


def quiet_logging_tool(call):
    if call.meta.get("io.modelcontextprotocol/logLevel"):
        yield "tell", "notifications/message", {"level": "info", "data": "Diagnostic trace"}
    return text("Logging evaluated")


def asking(question, say):
    def tool(call):
        answer = yield "ask", question(call.arguments), None
        return text(say(answer))

    return tool


def outcome(answer):
    return f"action={answer.get('action')}, content={json.dumps(answer.get('content') or {})}"


DEFAULTS = elicit(
    "Please review and update the form fields with defaults",
    [],
    name={"type": "string", "description": "User name", "default": "John Doe"},
    age={"type": "integer", "description": "User age", "default": 30},
    score={"type": "number", "description": "User score", "default": 95.5},
    status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    verified={"type": "boolean", "description": "Verification status", "default": True},
)
OPTIONS = ["option1", "option2", "option3"]


def titled(word):
    return [{"const": f"value{n}", "title": f"{which} {word}"} for n, which in enumerate(("First", "Second", "Third"), 1)]


ENUMS = elicit(
    "Please select options from the enum fields",
    [],
    untitledSingle={"type": "string", "enum": OPTIONS},
    titledSingle={"type": "string", "oneOf": titled("Option")},
    legacyEnum={
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    untitledMulti={"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "enum": OPTIONS}},
    titledMulti={"type": "array", "minItems": 1, "maxItems": 3, "items": {"anyOf": titled("Choice")}},
)

TALKING = {
    "test_tool_with_logging": logging_tool,
    "test_tool_with_progress": progress_tool,
    "test_reconnection": reconnecting_tool,
    "test_streaming_elicitation": streaming_tool,
    "test_logging_tool": quiet_logging_tool,
    "test_sampling": asking(
        lambda it: sample(it.get("prompt", "")),
        lambda it: f"LLM response: {(it.get('content') or {}).get('text')}",
    ),
    "test_elicitation": asking(
        lambda it: elicit(it.get("message", ""), ["response"], response=STRING),
        lambda it: f"User response: {outcome(it)}",
    ),
    "test_elicitation_sep1034_defaults": asking(lambda _: DEFAULTS, lambda it: f"Elicitation completed: {outcome(it)}"),
    "test_elicitation_sep1330_enums": asking(lambda _: ENUMS, lambda it: f"Elicitation completed: {outcome(it)}"),
}

# ---- Tools that need input, in the way of 2026-07-28.


def required(requests, state=None):
    result = {"resultType": "input_required", "inputRequests": requests}
    return result if state is None else result | {"requestState": signed(state)}


def signed(state):
    said = json.dumps(state | {"nonce": secrets.token_hex(4)})
    return json.dumps([said, hmac.new(KEY, said.encode(), hashlib.sha256).hexdigest()])


def verified(raw):
    try:
        said, seal = json.loads(raw)
        if hmac.compare_digest(seal, hmac.new(KEY, said.encode(), hashlib.sha256).hexdigest()):
            return json.loads(said)
    except (TypeError, ValueError, AttributeError):
        pass
    raise Refused(-32602, "requestState integrity check failed")


def answer_of(call, key):
    answer = call.inputs.get(key)
    return answer if isinstance(answer, dict) else None


def content(answer, field):
    value = ((answer or {}).get("content") or {}).get(field)
    return value if isinstance(value, str) else "unknown"


def needs_name(call):
    answer = answer_of(call, "user_name")
    # What is no answer to the question is asked again.
    if answer is None or answer.get("action") == "accept" and content(answer, "name") == "unknown":
        return required({"user_name": NAME})
    return text(f"Hello, {content(answer, 'name')}!")


def needs_sample(call):
    answer = answer_of(call, "sample_request")
    if answer is None:
        return required({"sample_request": sample("What is the capital of France?")})
    return text(f"Sampling result: {content({'content': answer.get('content')}, 'text')}")


def needs_roots(call):
    answer = answer_of(call, "roots_request")
    if answer is None:
        return required({"roots_request": ROOTS})
    return text(f"Found {len(answer.get('roots') or [])} root(s)")


def needs_state(call):
    if call.state and verified(call.state)["kind"] == "state" and answer_of(call, "confirm"):
        return text("state-ok: requestState validated")
    return required({"confirm": CONFIRM}, {"kind": "state"})


def needs_three(call):
    names = ("user_name", "greeting", "client_roots")
    if call.state and verified(call.state)["kind"] == "three" and all(answer_of(call, it) for it in names):
        who, greeting, roots = (answer_of(call, it) for it in names)
        greeting, roots = content(greeting, "text"), roots.get("roots") or []
        return text(f"Name: {content(who, 'name')}; Greeting: {greeting}; Roots: {len(roots)}")
    asked = {"user_name": NAME, "greeting": sample("Generate a greeting", 50), "client_roots": ROOTS}
    return required(asked, {"kind": "three"})


def needs_two_rounds(call):
    state = verified(call.state) if call.state else {}
    if state.get("round") == 1 and (answer := answer_of(call, "step1")):
        asked = elicit("Step 2: What is your favorite color?", ["color"], color=STRING)
        return required({"step2": asked}, {"round": 2, "name": content(answer, "name")})
    if state.get("round") == 2 and (answer := answer_of(call, "step2")):
        return text(f"Multi-round complete for {state['name']} who likes {content(answer, 'color')}")
    return required({"step1": elicit("Step 1: What is your name?", ["name"], name=STRING)}, {"round": 1})


def needs_seal(call):
    if call.state and verified(call.state)["kind"] == "seal" and answer_of(call, "confirm"):
        return text("integrity-ok: state verified")
    return required({"confirm": CONFIRM}, {"kind": "seal"})


def needs_what_it_can(call):
    if call.inputs:
        return text(f"capabilities-ok: received {','.join(call.inputs)}")
    asked = {}
    if "elicitation" in call.capabilities:
        asked["elicit_input"] = elicit("Elicitation input", ["value"], value=STRING)
    if "sampling" in call.capabilities:
        asked["sample_input"] = sample("Sample request", 50)
    return required(asked, {"kind": "can"}) if asked else text("No supported capabilities declared")


def needs_sampling(call):
    if "sampling" not in call.capabilities:
        raise Refused(-32021, "the client lacks a capability", {"requiredCapabilities": {"sampling": {}}})
    return text("Success")


NEEDING = {
    "test_missing_capability": needs_sampling,
    "test_input_required_result_elicitation": needs_name,
    "test_input_required_result_sampling": needs_sample,
    "test_input_required_result_list_roots": needs_roots,
    "test_input_required_result_request_state": needs_state,
    "test_input_required_result_multiple_inputs": needs_three,
    "test_input_required_result_multi_round": needs_two_rounds,
    "test_input_required_result_tampered_state": needs_seal,
    "test_input_required_result_capabilities": needs_what_it_can,
}

# ---- What changes when it is told to.

SWITCHES = {"test_trigger_tool_change": "tools", "test_trigger_prompt_change": "prompts"}
EXTRA = {"tools": False, "prompts": False}

SCHEMAS = {
    "test_sampling": schema(["prompt"], prompt=STRING),
    "test_elicitation": schema(["message"], message=STRING),
    "test_custom_header": schema(["region"], region={"type": "string", "x-mcp-header": "Region"}),
    "json_schema_2020_12_tool": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
}


def tools():
    names = [*PLAIN, *TALKING, *NEEDING, *SWITCHES] + (["test_extra"] if EXTRA["tools"] else [])
    described = lambda name: {"name": name, "description": f"The suite's {name}"}  # noqa: E731
    return [described(name) | {"inputSchema": SCHEMAS.get(name, NONE)} for name in names]


def prompts():
    argument = lambda name: {"name": name, "description": f"The {name}", "required": True}  # noqa: E731
    all_of_them = {
        "test_simple_prompt": [],
        "test_prompt_with_arguments": [argument("arg1"), argument("arg2")],
        "test_prompt_with_embedded_resource": [argument("resourceUri")],
        "test_prompt_with_image": [],
        "test_input_required_result_prompt": [],
    } | ({"test_extra": []} if EXTRA["prompts"] else {})
    return [{"name": it, "description": f"The suite's {it}", "arguments": args} for it, args in all_of_them.items()]


def get_prompt(call):
    said = lambda it: {"role": "user", "content": {"type": "text", "text": it}}  # noqa: E731
    name, given = call.params.get("name"), call.arguments
    if name == "test_simple_prompt" or name == "test_extra":
        return {"messages": [said("This is a simple prompt for testing.")]}
    if name == "test_prompt_with_arguments":
        return {"messages": [said(f"Prompt with arguments: arg1='{given.get('arg1')}', arg2='{given.get('arg2')}'")]}
    if name == "test_prompt_with_embedded_resource":
        resource = embedded(given.get("resourceUri"), "text/plain", "Embedded resource content for testing.")
        return {"messages": [{"role": "user", "content": resource}, said("Please process the embedded resource above.")]}
    if name == "test_prompt_with_image":
        return {"messages": [{"role": "user", "content": PICTURE}, said("Please analyze the image above.")]}
    if name == "test_input_required_result_prompt":
        if answer := answer_of(call, "user_context"):
            return {"messages": [said(f"Prompt with context: {content(answer, 'context')}")]}
        asked = elicit("What context should the prompt use?", ["context"], context=STRING)
        return required({"user_context": asked})
    raise Refused(-32602, f"unknown prompt: {name}")


RESOURCES = {
    "test://static-text": ("text/plain", {"text": "This is the content of the static text resource."}),
    "test://static-binary": ("image/png", {"blob": IMAGE}),
    "test://watched-resource": ("text/plain", {"text": "Watched resource content"}),
}
TEMPLATE = {"uriTemplate": "test://template/{id}/data", "name": "template", "mimeType": "application/json"}


def resources():
    return [{"uri": uri, "name": uri[7:], "mimeType": kind} for uri, (kind, _) in RESOURCES.items()]


def read_resource(call):
    uri = call.params.get("uri", "")
    if uri in RESOURCES:
        kind, inside = RESOURCES[uri]
        return {"contents": [{"uri": uri, "mimeType": kind} | inside]}
    before, after = TEMPLATE["uriTemplate"].split("{id}")
    if uri.startswith(before) and uri.endswith(after):
        found = uri[len(before) : -len(after)]
        said = json.dumps({"id": found, "templateTest": True, "data": f"Data for ID: {found}"})
        return {"contents": [{"uri": uri, "mimeType": "application/json", "text": said}]}
    raise Refused(-32602 if call.is_new else -32002, f"resource not found: {uri}", {"uri": uri})
