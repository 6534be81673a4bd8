"""Tries the host with the official Python client, server-everything and a server made by SDK.

Each step is one atomic save of config.yaml. What a connected client sees of it, which processes
stay and what the host says are compared with what was promised. Prints a table; exits 1 where
anything differs.
"""

import argparse
import asyncio
import copy
import json
import logging
import os
import re
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

from mcp import Client

HERE = Path(__file__).resolve().parent
EVERYTHING = str(HERE / "node_modules/.bin/mcp-server-everything")
DETECTORS = ["mtime", "hash", "inotify"]
# Nothing that is awaited takes so long, on any machine.
LIMIT = 60
# Stands in the host's environment, and no backend may see it.
CANARY = "CONFIG_SYNC_CANARY"

# It offers these to a client that can be asked whatever servers ask, which the gateway is for all.
HIDDEN = [
    "get-annotated-message", "get-env", "get-resource-links", "get-resource-reference",
    "get-roots-list", "get-structured-content", "get-tiny-image", "gzip-file-as-resource",
    "simulate-research-query", "toggle-simulated-logging", "toggle-subscriber-updates",
    "trigger-elicitation-request", "trigger-long-running-operation", "trigger-sampling-request",
    "trigger-url-elicitation",
]  # fmt: skip


class Wrong(Exception):
    """Something is not as promised."""


def expect(what, got, wanted):
    if got != wanted:
        raise Wrong(f"{what}: {got!r}, not {wanted!r}")


async def until(what, fact):
    """Awaits what the operating system tells nobody about."""
    try:
        async with asyncio.timeout(LIMIT):
            while not fact():
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise Wrong(f"waited in vain for {what}") from error


class Feed:
    """What comes in order, and whoever waits for it."""

    def __init__(self):
        self.items, self.news = [], asyncio.Condition()

    async def put(self, item):
        async with self.news:
            self.items.append(item)
            self.news.notify_all()

    async def first(self, what, start, like):
        """The first from `start` on that is like this."""

        def hits():
            return [item for item in self.items[start:] if like(item)]

        async with self.news:
            try:
                await asyncio.wait_for(self.news.wait_for(hits), LIMIT)
            except TimeoutError as error:
                raise Wrong(f"waited in vain for {what}; came: {self.items[start:]}") from error
            return hits()[0]


async def follow(pipe, feed):
    while line := await pipe.readline():
        await feed.put(line.decode(errors="replace").rstrip("\n"))


def processes():
    """(id, parent, group, command line) of each that lives."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if stat[0] not in "ZX":
            yield int(entry.name), int(stat[1]), int(stat[2]), command.strip()


class Host:
    """The built host, in a folder of its own."""

    def __init__(self, process, path, said, log):
        self.process, self.path, self.said, self.log = process, path, said, log

    @classmethod
    @asynccontextmanager
    async def running(cls, binary, text):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as state:
            path = Path(folder) / "config.yaml"
            path.write_text(text)
            process = await asyncio.create_subprocess_exec(
                binary, "run", "--log", "json", "--config", path,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=2**24,
                env=os.environ | {CANARY: "a secret", "CONFIG_SYNC_STATE": state},
            )  # fmt: skip
            said, log = Feed(), Feed()
            readers = asyncio.gather(follow(process.stdout, said), follow(process.stderr, log))
            try:
                host = cls(process, path, said, log)
                await said.first("the host to start", 0, lambda line: "Watching" in line)
                yield host
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()
                await readers

    @property
    def url(self):
        return re.search(r"http\S+", self.said.items[0])[0]

    def save(self, text):
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.rename(self.path)

    async def outcome(self, text):
        """Saves, and gives type and message of what the host says of these bytes."""
        start, digest = len(self.log.items), sha256(text.encode()).hexdigest()
        self.save(text)
        line = await self.log.first("an event", start, lambda line: f'"digest":"{digest}"' in line)
        event = json.loads(line)
        return event["type"], event["message"]

    def backends(self):
        """Each process that it has started, as (command line, id, group)."""
        return {(it[3], it[0], it[2]) for it in processes() if it[1] == self.process.pid}

    async def stop(self):
        groups = {group for _, _, group in self.backends()}
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT):
            expect("exit code", await self.process.wait(), 0)
        await gone(groups)


async def gone(groups):
    """The processes of a backend have ended, and those that they started too."""
    await until("backends to end", lambda: not any(it[2] in groups for it in processes()))


class Session:
    """One connected client, and what it was told."""

    def __init__(self, client, told):
        self.client, self.told = client, told

    @classmethod
    @asynccontextmanager
    async def connected(cls, url):
        told = Feed()

        async def hear(message):
            await told.put(getattr(message, "method", type(message).__name__))

        # With a session, on whose stream changes are told.
        reads = {"message_handler": hear, "read_timeout_seconds": LIMIT, "cache": None}
        async with Client(url, mode="legacy", **reads) as client:
            yield cls(client, told)

    async def tools(self):
        return sorted(tool.name for tool in (await self.client.list_tools()).tools)

    async def call(self, tool, arguments):
        result = await self.client.call_tool(tool, arguments)
        text = "\n".join(block.text for block in result.content if block.type == "text")
        return f"error: {text}" if result.is_error else text

    def list_changes(self, of="tools"):
        return self.told.items.count(f"notifications/{of}/list_changed")


@asynccontextmanager
async def everything_over_http():
    process = await asyncio.create_subprocess_exec(
        EVERYTHING, "streamableHttp", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"PORT": "0", "NODE_OPTIONS": f"--require {json.dumps(str(HERE / 'loopback.cjs'))}"},
    )  # fmt: skip
    said = Feed()
    reader = asyncio.create_task(follow(process.stdout, said))
    try:
        line = await said.first("a port", 0, lambda line: line.startswith("listening on port "))
        yield process, f"http://127.0.0.1:{line.split()[-1]}/mcp"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reader


class Story:
    """The steps on one host under one detector, each a row of the table."""

    def __init__(self, detection, host, session, web, config):
        self.detection, self.host, self.session, self.web = detection, host, session, web
        self.config, self.tools = config, []
        self.list_changes, self.rows = 0, []

    @property
    def text(self):
        return json.dumps(self.config, indent=2)

    async def step(self, name, work):
        try:
            row = await work()
            # Nothing beyond what each step has counted.
            expect("list_changed in all", self.session.list_changes(), self.list_changes)
            self.rows.append((self.detection, name, *row, "ok"))
        except Exception as error:
            words = str(error) if isinstance(error, Wrong) else repr(error)
            self.rows.append((self.detection, name, "", "", "", f"FAILED: {words}"))
            raise

    async def reload(self, tools, calls, touched=()):
        """One save: what the client sees and calls, and which backends stay."""
        before, start = self.host.backends(), len(self.session.told.items)
        kind, message = await self.host.outcome(self.text)
        expect("event", (kind, message), ("changed", message))
        changed = "notifications/tools/list_changed"
        await self.session.told.first("list_changed", start, lambda it: it == changed)
        self.list_changes += 1
        for other in ("prompts", "resources"):
            if self.session.told.items[start:].count(f"notifications/{other}/list_changed") > 1:
                raise Wrong(f"{other}/list_changed more than once")
        self.tools = sorted(tools)
        kept = await self.check(before, calls, touched)
        await gone({it[2] for it in before if any(word in it[0] for word in touched)})
        return message, "1", kept

    async def check(self, before, calls, touched=()):
        expect("tools/list", await self.session.tools(), self.tools)
        for tool, arguments, answer in calls:
            got = await self.session.call(tool, arguments)
            expect(tool, got, answer)
        untouched = {it for it in before if not any(word in it[0] for word in touched)}
        lost = untouched - self.host.backends()
        expect("untouched backends that are gone", lost, set())
        return f"{len(untouched)} of {len(untouched)}"

    async def nothing(self, text, kind, calls):
        """One save that must change nothing."""
        before = self.host.backends()
        got, message = await self.host.outcome(text)
        expect("event", (got, message), (kind, message))
        kept = await self.check(before, calls)
        return f"{kind}: {message}", "0", kept

    async def run(self):
        host, config, step = self.host, self.config, self.step
        backends = config["backends"]
        words = ("shout", {"text": "hi"}, "shout: hi")
        echo = ("echo", {"message": "hi"}, "Echo: hi")
        total = ("get-sum", {"a": 2, "b": 3}, "The sum of 2 and 3 is 5.")
        base = [echo, total, words]

        async def start():
            self.tools = sorted(["echo", "get-sum", "shout", *HIDDEN])
            kept = await self.check(host.backends(), base)
            if CANARY in await self.session.call("get-env", {}):
                raise Wrong("a backend sees the host's environment")
            return host.said.items[0], "-", kept

        await step("start on three backends", start)

        backends["npx"] = {
            "command": "npx",
            "args": ["--no", "mcp-server-everything", "stdio"],
            "cwd": str(HERE),
            "filters": {"tools": {"allow": ["echo", "trigger-long-running-operation"]}},
            "tool_overrides": {
                "echo": {"name": "repeat"},
                "trigger-long-running-operation": {"name": "linger"},
            },
        }
        repeat = ("repeat", {"message": "hi"}, "Echo: hi")
        with_npx = [*self.tools, "repeat", "linger"]
        await step("add a backend", lambda: self.reload(with_npx, [*base, repeat]))

        async def remove():
            call = self.session.call("linger", {"duration": 1, "steps": 1})
            lingering = asyncio.create_task(call)
            # Answered on the same pipe: the other call has arrived there by now.
            expect("repeat", await self.session.call(*repeat[:2]), repeat[2])
            del backends["npx"]
            without = [tool for tool in self.tools if tool not in ("repeat", "linger")]
            row = await self.reload(without, base, touched=["npm"])
            expect("call under way", "completed" in await lingering, True)
            return row

        await step("remove it during a call", remove)

        backends["words"]["args"].append("whisper")
        whisper = ("whisper", {"text": "hi"}, "whisper: hi")
        await step(
            "change a backend's arguments",
            lambda: self.reload([*self.tools, "whisper"], [*base, whisper], ["words_server"]),
        )

        backends["every"]["tool_overrides"] = {"echo": {"name": "say"}}
        say = ("say", {"message": "hi"}, "Echo: hi")
        renamed = ["say" if tool == "echo" else tool for tool in self.tools]
        await step("rename a tool", lambda: self.reload(renamed, [say, total, words, whisper]))

        config["conflict_resolution"] = {"strategy": "prefix", "separator": "__"}
        owner = {"get-sum": "web", "shout": "words", "whisper": "words"}
        prefixed = [f"{owner.get(tool, 'every')}__{tool}" for tool in renamed]
        calls = [(f"{owner.get(it[0], 'every')}__{it[0]}", *it[1:]) for it in [say, total, words]]
        await step("change the conflict strategy", lambda: self.reload(prefixed, calls))

        good = self.text
        broken = [
            ("break the file", good[: len(good) // 2]),
            ("misspell a key", good.replace('"debounce"', '"debounse"')),
            ("name a command that is not there", good.replace(EVERYTHING, "/not/there")),
        ]
        for name, text in broken:
            await step(name, lambda text=text: self.nothing(text, "error", calls))
            await step("restore it", lambda: self.nothing(good, "no-change", calls))
        await step("add a comment", lambda: self.nothing(f"# Hello\n{good}", "no-change", calls))

        async def touch():
            before, begin = host.backends(), len(host.log.items)
            os.utime(host.path)
            line = await host.log.first("an event", begin, lambda it: '"type":"no-change"' in it)
            return f"no-change: {json.loads(line)['message']}", "0", await self.check(before, calls)

        await step("touch the file", touch)

        del backends["web"]
        no_web = [tool for tool in prefixed if tool != "web__get-sum"]
        await step("remove the HTTP backend", lambda: self.reload(no_web, [calls[0], calls[2]]))

        async def end():
            await host.stop()
            if self.web.returncode is not None:
                raise Wrong("the HTTP backend, which the host did not start, is gone")
            return "", "-", "none is left"

        await step("SIGTERM", end)


def config(detection, url):
    return {
        "version": "1",
        "server": {"port": 0},
        "sync": {"detection": detection, "poll_interval": 0.05, "debounce": 0.05},
        "backends": {
            "every": {
                "command": EVERYTHING,
                "args": ["stdio"],
                "filters": {"tools": {"deny": ["get-sum"]}},
            },
            "web": {"url": url, "filters": {"tools": {"allow": ["get-sum"]}}},
            "words": {
                "command": sys.executable,
                "args": [str(HERE / "words_server.py"), "shout"],
            },
        },
    }


async def tell(binary, detection):
    """The rows of one detector."""
    story = None
    try:
        async with everything_over_http() as (web, url):
            start = config(detection, url)
            async with Host.running(binary, json.dumps(start, indent=2)) as host:
                async with Session.connected(host.url) as session:
                    story = Story(detection, host, session, web, copy.deepcopy(start))
                    await story.run()
    except Exception as error:
        if story is None or not story.rows or not story.rows[-1][-1].startswith("FAILED"):
            row = (detection, "", "", "", "", f"FAILED: {error!r}")
            return [*(story.rows if story else []), row]
    return story.rows


def table(rows):
    head = ("detection", "step", "the host said", "list_changed", "backends kept", "result")
    cut = [tuple(cell if len(cell) < 60 or "FAILED" in cell else f"{cell[:57]}..." for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in [head, *cut]) for column in range(len(head) - 1)]
    for row in [head, *cut]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        print("  ".join([*cells, row[-1]]).rstrip())


def main():
    # The client warns of a tool that is gone by the time its result comes: as it should be.
    logging.disable(logging.WARNING)
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("host", help="the built config-sync")
    arguments.add_argument("detection", nargs="*", default=DETECTORS, help="by default each built-in one")
    given = arguments.parse_args()
    binary = str(Path(given.host).resolve())
    rows = [row for detection in given.detection for row in asyncio.run(tell(binary, detection))]
    table(rows)
    failed = sum(row[-1] != "ok" for row in rows)
    print(f"\n{len(rows) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
