//! Text for config.yaml.

/// A file that is followed quickly; `rest` begins at the left margin.
pub(crate) fn config(detection: &str, backends: &str, rest: &str) -> String {
    format!(
        "version: \"1\"\nserver: {{port: 0}}\n\
         sync: {{poll_interval: 0.05, debounce: 0.05, detection: {detection}}}\n\
         backends:\n{backends}{rest}"
    )
}

/// One line below `backends:`, for a demo server over stdio.
pub(crate) fn demo(name: &str, tools: &str) -> String {
    format!(
        "  {name}: {{command: config-sync, args: [demo-server, --name, {name}, --tools, \"{tools}\"]}}\n"
    )
}

/// One line below `backends:`, for a server over Streamable HTTP.
pub(crate) fn remote(name: &str, url: &str) -> String {
    format!("  {name}: {{url: \"{url}\"}}\n")
}
