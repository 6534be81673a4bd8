// The official TypeScript client as a program: `client.mjs URL` or `client.mjs -- COMMAND...`. Each
// line of its input is the name of a request; each line of its output what came of it, or what it
// was told, as JSON. Ends with its input.
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const say = (what) => console.log(JSON.stringify(what));
const [first, command, ...args] = process.argv.slice(2);
const transport =
  first === "--"
    ? new StdioClientTransport({ command, args, stderr: "ignore", env: process.env })
    : new StreamableHTTPClientTransport(new URL(first));

const client = new Client({ name: "typescript", version: "1" }, { capabilities: {} });
client.onerror = (error) => say({ error: String(error) });
client.setNotificationHandler(ToolListChangedNotificationSchema, () => say({ told: "tools" }));
await client.connect(transport);
say({ connected: true });

for await (const line of createInterface({ input: process.stdin })) {
  try {
    if (line === "list") {
      const { tools } = await client.listTools();
      say({ tools: tools.map((tool) => tool.name).sort() });
    } else {
      const { content } = await client.callTool({ name: "echo", arguments: { text: line } });
      say({ text: content[0].text });
    }
  } catch (error) {
    say({ error: String(error) });
  }
}
await client.close();
process.exit(0);
