"""A server with the conformance suite's fixtures, over Streamable HTTP of both eras at one address:
with sessions up to 2025-11-25, without from 2026-07-28 on. Knows the standard library alone.

    python3 server.py          prints its URL
"""

import base64
import json
import queue
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fixtures
from fixtures import Refused

OLD = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
NEW = "2026-07-28"
OWN = "io.modelcontextprotocol/"
INFO = {"name": "conformance-fixtures", "version": "1"}
LISTS = {
    "tools/list": ("tools", fixtures.tools),
    "prompts/list": ("prompts", fixtures.prompts),
    "resources/list": ("resources", fixtures.resources),
    "resources/templates/list": ("resourceTemplates", lambda: [fixtures.TEMPLATE]),
}
CACHEABLE = {*LISTS, "resources/read", "server/discover"}
NAMES = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}

sessions = {}
listeners = []
lock = threading.Lock()


class Call:
    def __init__(self, message, is_new, capabilities):
        self.params = message.get("params") or {}
        self.meta = self.params.get("_meta") or {}
        self.arguments = self.params.get("arguments") or {}
        self.inputs = self.params.get("inputResponses") or {}
        self.state = self.params.get("requestState")
        self.is_new, self.capabilities = is_new, capabilities


class Session:
    """What is between one client of the old era and this server."""

    def __init__(self, capabilities):
        self.capabilities = capabilities
        self.streams = {}
        self.answers = {}
        self.general = Stream(self, "general")


class Stream:
    """Events of one request, kept so that they can be sent again."""

    def __init__(self, session, name):
        self.name, self.events, self.more, self.done = name, [], threading.Condition(), False
        session.streams[name] = self

    def add(self, message, last=False):
        with self.more:
            self.events.append(message)
            self.done = self.done or last
            self.more.notify_all()


def capabilities():
    return {
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "logging": {},
        "completions": {},
    }


def changed(kind):
    fixtures.EXTRA[kind] = not fixtures.EXTRA[kind]
    method = f"notifications/{kind}/list_changed"
    with lock:
        for wanted, waiting in listeners:
            if wanted.get(f"{kind}ListChanged"):
                waiting.put(method)
        for session in sessions.values():
            session.general.add({"jsonrpc": "2.0", "method": method})


def simple(method, call):
    """Whatever has its answer at once; `None` for what is not known."""
    if method in LISTS:
        key, items = LISTS[method]
        return {key: items()}
    if method == "prompts/get":
        return fixtures.get_prompt(call)
    if method == "resources/read":
        return fixtures.read_resource(call)
    if method == "completion/complete":
        return {"completion": {"values": [], "total": 0, "hasMore": False}}
    if method == "tools/call":
        name = call.params.get("name")
        if name in fixtures.PLAIN:
            return fixtures.PLAIN[name]()
        if name in fixtures.NEEDING:
            return fixtures.NEEDING[name](call)
        if name in fixtures.SWITCHES:
            changed(fixtures.SWITCHES[name])
            return fixtures.text("Mutation triggered")
        if name == "test_extra":
            return fixtures.text("extra")
        raise Refused(-32602, f"unknown tool: {name}")
    if not call.is_new and method in ("ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"):
        return {}
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=None, **headers):
        sent = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if body is not None:
            self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def refuse(self, status, code, message, request=None, data=None):
        error = Refused(code, message, data).error
        self.reply(status, {"jsonrpc": "2.0", "id": request, "error": error})

    def begin_stream(self):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Connection", "close")
        self.end_headers()

    def event(self, message, number=None):
        mark = "" if number is None else f"id: {number}\n"
        self.wfile.write(f"event: message\n{mark}data: {json.dumps(message)}\n\n".encode())
        self.wfile.flush()

    def is_local(self):
        """Against DNS rebinding."""
        local = ("localhost", "127.0.0.1", "[::1]")
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin")
        fits = host.rsplit(":", 1)[0] in local
        return fits and (origin is None or origin.split("//")[-1].rsplit(":", 1)[0] in local)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.is_local():
            return self.reply(403)
        try:
            message = json.loads(body)
        except ValueError:
            return self.refuse(400, -32700, "no JSON")
        meta = (message.get("params") or {}).get("_meta") or {}
        version = self.headers.get("MCP-Protocol-Version")
        session = self.headers.get("Mcp-Session-Id")
        is_old = session or message.get("method") == "initialize" or version in OLD
        if is_old and OWN + "protocolVersion" not in meta:
            return self.old(message, session)
        return self.new(message, meta, version)

    # ---- From 2026-07-28 on.

    def new(self, message, meta, version):
        request, method, params = message.get("id"), message.get("method"), message.get("params") or {}
        if "id" not in message:
            return self.reply(202)
        if version is None:
            return self.refuse(400, -32020, "the header MCP-Protocol-Version is missing", request)
        named, can = meta.get(OWN + "protocolVersion"), meta.get(OWN + "clientCapabilities")
        if named is None or can is None:
            return self.refuse(400, -32602, "`_meta` lacks what every request needs", request)
        if named != version:
            return self.refuse(400, -32020, "the header names another version than the body", request)
        if named != NEW:
            data = {"supported": [NEW, *OLD], "requested": named}
            return self.refuse(400, -32022, "unsupported protocol version", request, data)
        if wrong := self.wrong_header(method, params):
            return self.refuse(400, -32020, wrong, request)
        call = Call(message, True, can)
        try:
            if method == "subscriptions/listen":
                return self.listen(request, params.get("notifications") or {})
            if method == "server/discover":
                return self.result(request, method, {"supportedVersions": [NEW, *OLD], "capabilities": capabilities()})
            if method == "tools/call" and params.get("name") in fixtures.TALKING:
                return self.talk(request, call)
            result = simple(method, call)
        except Refused as refused:
            status = 400 if refused.error["code"] == -32021 else 200
            return self.reply(status, {"jsonrpc": "2.0", "id": request, "error": refused.error})
        if result is None:
            return self.refuse(404, -32601, f"unknown method: {method}", request)
        return self.result(request, method, result)

    def wrong_header(self, method, params):
        if (self.headers.get("Mcp-Method") or "").strip() != method:
            return "Mcp-Method is missing or is not the method"
        if key := NAMES.get(method):
            if decoded(self.headers.get("Mcp-Name")) != params.get(key):
                return "Mcp-Name is missing or is not the name"
        if method == "tools/call":
            inside = fixtures.SCHEMAS.get(params.get("name"), {}).get("properties", {})
            for name, property in inside.items():
                if header := property.get("x-mcp-header"):
                    said, meant = self.headers.get(f"Mcp-Param-{header}"), (params.get("arguments") or {}).get(name)
                    if decoded(said) != meant:
                        return f"Mcp-Param-{header} is missing or is not the argument"
        return None

    def stamped(self, method, result):
        stamp = {"resultType": "complete"}
        if method in CACHEABLE:
            stamp |= {"ttlMs": 300000, "cacheScope": "private" if method == "resources/read" else "public"}
        return stamp | result | {"_meta": {OWN + "serverInfo": INFO}}

    def result(self, request, method, result):
        self.reply(200, {"jsonrpc": "2.0", "id": request, "result": self.stamped(method, result)})

    def talk(self, request, call):
        """A tool that says something before it answers."""
        self.begin_stream()
        tool, sent = fixtures.TALKING[call.params["name"]](call), None
        try:
            while True:
                kind, what, said = tool.send(sent)
                sent = None
                if kind == "tell" and (what != "notifications/message" or OWN + "logLevel" in call.meta):
                    self.event({"jsonrpc": "2.0", "method": what, "params": said})
                elif kind == "ask":
                    sent = call.inputs.get("answer")
                    if sent is None:
                        result = fixtures.required({"answer": what})
                        break
        except StopIteration as stop:
            result = stop.value
        self.event({"jsonrpc": "2.0", "id": request, "result": self.stamped("tools/call", result)})

    def listen(self, request, wanted):
        waiting = queue.Queue()
        meta = {"_meta": {OWN + "subscriptionId": request}}
        honoured = {key: value for key, value in wanted.items() if key.endswith("ListChanged") and value}
        acknowledged = meta | {"notifications": honoured}
        method = "notifications/subscriptions/acknowledged"
        entry = (honoured, waiting)
        with lock:
            listeners.append(entry)
        try:
            self.begin_stream()
            self.event({"jsonrpc": "2.0", "method": method, "params": acknowledged})
            while True:
                try:
                    method = waiting.get(timeout=5)
                    self.event({"jsonrpc": "2.0", "method": method, "params": meta})
                except queue.Empty:
                    self.wfile.write(b":\n\n")
                    self.wfile.flush()
        except OSError:
            pass
        finally:
            with lock:
                listeners.remove(entry)

    # ---- Up to 2025-11-25.

    def old(self, message, name):
        request, method = message.get("id"), message.get("method")
        if method == "initialize":
            params, name = message.get("params") or {}, secrets.token_hex(16)
            with lock:
                sessions[name] = Session(params.get("capabilities") or {})
            wanted = params.get("protocolVersion")
            result = {
                "protocolVersion": wanted if wanted in OLD else OLD[0],
                "capabilities": capabilities(),
                "serverInfo": INFO,
            }
            return self.reply(200, {"jsonrpc": "2.0", "id": request, "result": result}, Mcp_Session_Id=name)
        if name is None:
            return self.refuse(400, -32000, "the header Mcp-Session-Id is missing", request)
        session = sessions.get(name)
        if session is None:
            return self.refuse(404, -32001, "there is no such session", request)
        if self.headers.get("MCP-Protocol-Version", OLD[0]) not in OLD:
            return self.refuse(400, -32000, "this version is not spoken here", request)
        if method is None:
            session.answers.pop(request, queue.Queue()).put(message.get("result") or {})
            return self.reply(202)
        if request is None:
            return self.reply(202)
        call = Call(message, False, session.capabilities)
        if method == "tools/call" and call.params.get("name") in fixtures.TALKING:
            stream = Stream(session, secrets.token_hex(8))
            threading.Thread(target=self.run, args=(session, stream, request, call), daemon=True).start()
            return self.follow(stream, 0)
        try:
            result = simple(method, call)
        except Refused as refused:
            return self.reply(200, {"jsonrpc": "2.0", "id": request, "error": refused.error})
        if result is None:
            return self.refuse(200, -32601, f"unknown method: {method}", request)
        return self.reply(200, {"jsonrpc": "2.0", "id": request, "result": result})

    def run(self, session, stream, request, call):
        tool, sent = fixtures.TALKING[call.params["name"]](call), None
        try:
            while True:
                kind, what, said = tool.send(sent)
                sent = None
                if kind == "tell":
                    stream.add({"jsonrpc": "2.0", "method": what, "params": said})
                elif kind == "close":
                    stream.add(None)
                else:
                    asked, answer = secrets.token_hex(8), queue.Queue()
                    session.answers[asked] = answer
                    stream.add({"jsonrpc": "2.0", "id": asked} | what)
                    sent = answer.get(timeout=30)
        except StopIteration as stop:
            stream.add({"jsonrpc": "2.0", "id": request, "result": stop.value}, last=True)

    def follow(self, stream, at):
        """Sends what is there and what comes, up to the end or to where the stream is to break."""
        self.begin_stream()
        try:
            # Nothing in it but where to go on.
            self.wfile.write(f"id: {stream.name}.{at}\nretry: 200\ndata: \n\n".encode())
            self.wfile.flush()
            while True:
                with stream.more:
                    while len(stream.events) <= at and not stream.done:
                        if not stream.more.wait(5):
                            self.wfile.write(b":\n\n")
                            self.wfile.flush()
                    if len(stream.events) <= at:
                        return
                    message = stream.events[at]
                at += 1
                if message is None:
                    return
                self.event(message, f"{stream.name}.{at}")
        except OSError:
            pass

    def do_GET(self):
        session = sessions.get(self.headers.get("Mcp-Session-Id"))
        if not self.is_local():
            return self.reply(403)
        if session is None:
            return self.reply(405)
        name, at = "general", len(session.general.events)
        if last := self.headers.get("Last-Event-ID"):
            name, at = last.rsplit(".", 1)
        stream = session.streams.get(name)
        if stream is None:
            return self.reply(404)
        at = int(at)
        # It broke off here: behind that it goes on.
        if at < len(stream.events) and stream.events[at] is None:
            at += 1
        return self.follow(stream, at)

    def do_DELETE(self):
        found = sessions.pop(self.headers.get("Mcp-Session-Id"), None)
        self.reply(405 if found is None else 200)


def decoded(header):
    """The value of a header, out of base64 where it is in that."""
    if header is None:
        return None
    header = header.strip()
    if header.startswith("=?base64?") and header.endswith("?="):
        try:
            return base64.b64decode(header[9:-2], validate=True).decode()
        except ValueError:
            return None
    return header


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    # A client that goes away is no matter.
    server.handle_error = lambda *_: None
    print(f"http://127.0.0.1:{server.server_port}/mcp", flush=True)
    server.serve_forever()
