"""Connects real clients and saves config.yaml twenty times.

Every client stays connected from the first save to the last. After each, it must have been told
once, see exactly the tools of that save, and call one of them; nothing may be said to it that it
takes for an error. The inspector's command line looks and calls at the end. Prints a table; exits
1 where anything differs.
"""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from mcp import Client, StdioServerParameters

HERE = Path(__file__).resolve().parent
RELOADS = 20
# Nothing that is awaited takes so long, on any machine.
LIMIT = 60


class Wrong(Exception):
    """Something is not as promised."""


def config(n, server):
    tools = "echo,whoami" + (f",version_{n}=echo" if n else "")
    names = sorted(tool.split("=")[0] for tool in tools.split(","))
    text = (
        f'version: "1"\n{server}sync: {{poll_interval: 0.05, debounce: 0.02, detection: inotify}}\n'
        f'backends:\n  one: {{command: config-sync, args: [demo-server, --tools, "{tools}"]}}\n'
    )
    return text, names


def save(path, text):
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


class Python:
    """The official Python client, in one of its modes."""

    def __init__(self, name, server, mode):
        self.name, self.server, self.mode = name, server, mode
        self.told, self.news = 0, asyncio.Condition()

    async def hear(self):
        async with self.news:
            self.told += 1
            self.news.notify_all()

    async def enter(self, stack):
        async def handler(message):
            if self.mode == "legacy" and getattr(message, "method", "") == "notifications/tools/list_changed":
                await self.hear()

        client = Client(self.server, message_handler=handler, mode=self.mode, read_timeout_seconds=LIMIT, cache=None)
        self.client = await stack.enter_async_context(client)
        if self.mode != "legacy":
            listening = await stack.enter_async_context(self.client.listen(tools_list_changed=True))

            async def follow():
                async for _ in listening:
                    await self.hear()

            task = asyncio.create_task(follow())
            stack.callback(task.cancel)

    async def until_told(self, count):
        async with self.news:
            await self.news.wait_for(lambda: self.told >= count)

    async def tools(self):
        return sorted(tool.name for tool in (await self.client.list_tools()).tools)

    async def echo(self, text):
        return (await self.client.call_tool("echo", {"text": text})).content[0].text


class TypeScript:
    """The official TypeScript client, a process of its own."""

    def __init__(self, name, *words):
        self.name, self.words = name, words
        self.told, self.news, self.answers = 0, asyncio.Condition(), asyncio.Queue()

    async def enter(self, stack):
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            "node", HERE / "client.mjs", *self.words, stdin=pipe, stdout=pipe
        )
        task = asyncio.create_task(self.read())
        stack.push_async_callback(self.leave, task)
        await self.answers.get()

    async def leave(self, task):
        self.process.stdin.close()
        await self.process.wait()
        await task

    async def read(self):
        async for line in self.process.stdout:
            said = json.loads(line)
            if "told" in said:
                async with self.news:
                    self.told += 1
                    self.news.notify_all()
            else:
                await self.answers.put(said)

    async def ask(self, what, key):
        self.process.stdin.write(f"{what}\n".encode())
        said = await self.answers.get()
        if key not in said:
            raise Wrong(f"{self.name}: {said}")
        return said[key]

    until_told = Python.until_told

    async def tools(self):
        return await self.ask("list", "tools")

    async def echo(self, text):
        return await self.ask(text, "text")


async def look(client, n, names):
    """What this client sees after the save number `n`."""
    async with asyncio.timeout(LIMIT):
        await client.until_told(n)
        tools = await client.tools()
        text = await client.echo(f"save {n}")
    for got, wanted in [(client.told, n), (tools, names), (text, f"save {n}")]:
        if got != wanted:
            raise Wrong(f"{client.name} after save {n}: {got!r}, not {wanted!r}")


async def inspector(*words):
    """What the inspector's command line prints."""
    process = await asyncio.create_subprocess_exec(
        HERE / "node_modules/.bin/mcp-inspector", "--cli", *words, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), LIMIT)
    return json.loads(output)


async def stop(host):
    """Nothing is left, however it went."""
    if host.returncode is None:
        host.kill()
        await host.wait()


async def main(binary):
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        files = [folder / "http/config.yaml", folder / "python/config.yaml", folder / "typescript/config.yaml"]
        servers = ["server: {port: 0}\n", "", ""]

        def write(n):
            for file, server in zip(files, servers):
                file.parent.mkdir(exist_ok=True)
                text, names = config(n, server)
                save(file, text)
            return names

        names = write(0)
        run = lambda file: ["run", "--config", str(file), "--state", str(file.parent / "state")]
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
        pipe = asyncio.subprocess.PIPE
        log = (folder / "log").open("w")
        host = await asyncio.create_subprocess_exec(binary, *run(files[0]), stdout=pipe, stderr=log)
        stack.push_async_callback(stop, host)
        said = (await asyncio.wait_for(host.stdout.readline(), LIMIT)).decode()
        if not (served := re.search(r"http://\S+", said)):
            raise Wrong(f"the host does not start: {(folder / 'log').read_text()}")
        url = served.group()
        stdio = StdioServerParameters(command=binary, args=[*run(files[1]), "--stdio"], env=dict(os.environ, CONFIG_SYNC_LOG="error"))
        clients = [
            Python("Python, sessions", url, "legacy"),
            Python("Python, 2026-07-28", url, "2026-07-28"),
            Python("Python, stdio", stdio, "auto"),
            TypeScript("TypeScript, sessions", url),
            TypeScript("TypeScript, stdio", "--", binary, *run(files[2]), "--stdio"),
        ]
        async with AsyncExitStack() as connected:
            for client in clients:
                async with asyncio.timeout(LIMIT):
                    await client.enter(connected)
                    if await client.tools() != names:
                        raise Wrong(f"{client.name}: {await client.tools()}")
            for n in range(1, RELOADS + 1):
                names = write(n)
                for client in clients:
                    await look(client, n, names)
            for client in clients:
                print(f"{client.name:<24}{RELOADS} reloads, told {client.told} times, ok")
        listed = await inspector(url, "--transport", "http", "--method", "tools/list")
        if sorted(tool["name"] for tool in listed["tools"]) != names:
            raise Wrong(f"inspector: {listed}")
        words = ["--method", "tools/call", "--tool-name", "echo", "--tool-arg", "text=hello"]
        called = await inspector(url, "--transport", "http", *words)
        if called["content"][0]["text"] != "hello":
            raise Wrong(f"inspector: {called}")
        print(f"{'inspector --cli':<24}lists and calls, ok")
        host.send_signal(signal.SIGTERM)
        if await asyncio.wait_for(host.wait(), LIMIT) != 0:
            raise Wrong(f"the host ended with {host.returncode}")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1]))
    except* Wrong as wrong:
        while isinstance(wrong, BaseExceptionGroup):
            wrong = wrong.exceptions[0]
        sys.exit(f"FAILED: {wrong}")
