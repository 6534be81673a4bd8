"""Compares what the suite says of the server with what it says of the host in front of it.

    python3 check.py HOST    ends with 1 if anything passes directly and not through HOST
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

REQUIREMENTS = ["2025-11-25", "2026-07-28"]
SUITE = ["node_modules/node/bin/node", "node_modules/@modelcontextprotocol/conformance/dist/index.js"]
CONFIG = """
version: "1"
server: {{port: 0}}
backends:
  fixtures: {{url: "{url}"}}
sync: {{enabled: false}}
"""


def first_line(process, begins):
    """What stands behind these words."""
    for line in process.stdout:
        if line.startswith(begins):
            return line[len(begins) :].split()[0]
    sys.exit(f"it ended before it said `{begins}`")


def outcomes(url, requirements):
    """By scenario and check, whether it passed."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["server", "--url", url, "--requirements", requirements, "--output-dir", folder]
        subprocess.run([*SUITE, *asked], capture_output=True, timeout=900)
        found = {}
        for path in pathlib.Path(folder).glob("*/checks.json"):
            scenario = re.sub(r"-\d{4}-\d\d-\d\dT.*", "", path.parent.name.removeprefix("server-"))
            for check in json.loads(path.read_text()):
                if check["status"] in ("SUCCESS", "FAILURE", "WARNING"):
                    key = (scenario, check["id"])
                    passed = check["status"] == "SUCCESS"
                    found[key] = found.get(key, True) and passed
                    if not passed:
                        reasons[(url, *key)] = check.get("errorMessage", "")
        return found


reasons = {}


def main(host):
    server = subprocess.Popen([sys.executable, "server.py"], stdout=subprocess.PIPE, text=True)
    with tempfile.TemporaryDirectory() as folder:
        direct = first_line(server, "")
        config = pathlib.Path(folder, "config.yaml")
        config.write_text(CONFIG.format(url=direct))
        asked = [host, "run", "--config", config, "--state", folder]
        gateway = subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        through = first_line(gateway, "Serving MCP at ")
        lost = 0
        try:
            for requirements in REQUIREMENTS:
                there, here = outcomes(direct, requirements), outcomes(through, requirements)
                passed = [key for key, passes in there.items() if passes]
                kept = [key for key in passed if here.get(key)]
                print(f"{requirements}: {len(passed)} checks pass directly, {len(kept)} of them through the host")
                if not passed:
                    lost += 1
                for key in passed:
                    if not here.get(key):
                        lost += 1
                        print("  lost:", *key, reasons.get((through, *key), "(it did not run)"))
        finally:
            for process in (gateway, server):
                process.terminate()
                process.wait()
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
