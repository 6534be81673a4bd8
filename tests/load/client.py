"""An MCP client over Streamable HTTP that costs little: one socket, no library. And the host that
it talks to."""

import json
import os
import re
import socket
import subprocess
import threading
import time

REVISION = "2025-11-25"


class Lost(Exception):
    """The connection has ended, or what came is no answer."""


class Connection:
    """HTTP/1.1 over one socket."""

    def __init__(self, host, port, time_out):
        self.address = f"{host}:{port}"
        self.socket = socket.create_connection((host, port), time_out)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, method, headers, body=b""):
        head = [f"{method} /mcp HTTP/1.1", f"Host: {self.address}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        head += [f"Content-Length: {len(body)}"] if method == "POST" else []
        self.socket.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def head(self):
        status = self.file.readline().split()
        if len(status) < 2:
            raise Lost("the connection was closed")
        headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.partition(b":")
            headers[name.lower().decode()] = value.strip().decode()
        return int(status[1]), headers

    def pieces(self, headers):
        if "content-length" in headers:
            yield self.file.read(int(headers["content-length"]))
            return
        if "chunked" not in headers.get("transfer-encoding", ""):
            return
        while True:
            line = self.file.readline()
            if not line:
                raise Lost("the connection was closed")
            size = int(line.split(b";")[0], 16)
            piece = self.file.read(size)
            self.file.readline()
            if not size:
                return
            yield piece


class Client:
    """One session."""

    def __init__(self, host, port, time_out=30):
        self.host, self.port, self.time_out = host, port, time_out
        self.connection = Connection(host, port, time_out)
        self.headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        self.next = 0
        _, headers = self.ask(
            "initialize",
            {
                "protocolVersion": REVISION,
                "capabilities": {},
                "clientInfo": {"name": "load", "version": "1"},
            },
        )
        self.headers["Mcp-Session-Id"] = headers["mcp-session-id"]
        self.headers["MCP-Protocol-Version"] = REVISION
        self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def post(self, message):
        self.connection.send("POST", self.headers, json.dumps(message).encode())
        status, headers = self.connection.head()
        return status, headers, b"".join(self.connection.pieces(headers))

    def ask(self, method, params):
        """The result, and the headers that came with it."""
        self.next += 1
        message = {"jsonrpc": "2.0", "id": self.next, "method": method, "params": params}
        status, headers, body = self.post(message)
        texts = [body]
        if "event-stream" in headers.get("content-type", ""):
            texts = [line[5:] for line in body.split(b"\n") if line.startswith(b"data:")]
        for text in texts:
            if text.strip():
                answer = json.loads(text)
                if answer.get("id") == self.next:
                    if "result" not in answer:
                        raise Lost(f"{method} {params}: {answer}")
                    return answer["result"], headers
        raise Lost(f"{method} {params}: status {status}, {body[:200]}")

    def call(self, tool, arguments):
        result, _ = self.ask("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise Lost(f"{tool}: {result}")
        return result["content"][0]["text"]

    def tools(self):
        return {tool["name"] for tool in self.ask("tools/list", {})[0]["tools"]}

    def listen(self, hear):
        """Each notification, on a thread of its own; returns once the stream is open."""
        connection = Connection(self.host, self.port, None)
        connection.send("GET", {**self.headers, "Accept": "text/event-stream"})
        status, headers = connection.head()
        if status != 200:
            raise Lost(f"the stream of notifications: status {status}")

        def read():
            text = b""
            try:
                for piece in connection.pieces(headers):
                    text += piece
                    *lines, text = text.split(b"\n")
                    for line in lines:
                        if line.startswith(b"data:") and line[5:].strip():
                            hear(json.loads(line[5:]).get("method"))
            except (Lost, OSError, ValueError) as error:
                hear(f"lost: {error}")
            hear("ended")

        threading.Thread(target=read, daemon=True).start()


class Host:
    """A running host on a config.yaml of its own."""

    def __init__(self, binary, folder, config):
        self.binary, self.path = binary, os.path.join(folder, "config.yaml")
        self.save(config)
        environment = {
            **os.environ,
            "CONFIG_SYNC_STATE": os.path.join(folder, "state"),
            "XDG_RUNTIME_DIR": folder,
            "CONFIG_SYNC_LOG": "error",
        }
        self.log = open(os.path.join(folder, "log"), "w+")
        self.child = subprocess.Popen(
            [binary, "run", "--config", self.path],
            env=environment, stdout=subprocess.PIPE, stderr=self.log,
        )
        line = self.child.stdout.readline().decode()
        found = re.search(r"http://([0-9.]+):(\d+)/mcp", line)
        if not found:
            raise Lost(f"the host did not start: {line}")
        self.address = found[1], int(found[2])
        self.child.stdout.readline()

    def save(self, text):
        """As editors do that let nobody see half a file. Says when it was done."""
        with open(self.path + ".new", "w") as file:
            file.write(text)
        os.rename(self.path + ".new", self.path)
        return time.monotonic()

    def children(self):
        with open(f"/proc/{self.child.pid}/task/{self.child.pid}/children") as file:
            first = file.read().split()
        others = subprocess.run(
            ["ps", "--ppid", str(self.child.pid), "-o", "pid="], capture_output=True, check=False
        )
        return len(set(first) | set(others.stdout.decode().split()))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def memory(self):
        """MiB resident."""
        with open(f"/proc/{self.child.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024

    def processor(self):
        """Seconds of processor time until now, of it and not of its backends."""
        with open(f"/proc/{self.child.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.child.terminate()
        return self.child.wait(60)


def percentile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]
