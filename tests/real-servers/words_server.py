"""A small MCP server over stdio, made with the official Python SDK: each argument is a tool."""

import sys

from mcp.server.mcpserver import MCPServer


def tool(word: str):
    def say(text: str) -> str:
        return f"{word}: {text}"

    return say


server = MCPServer("words")
for word in sys.argv[1:]:
    server.add_tool(tool(word), name=word, description=f"Answers with {word} before the text")
server.run("stdio")
