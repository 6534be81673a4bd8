//! What passes through the gateway is what was said, to the letter, known to MCP or not.

use super::harness::{Host, RAW_BACKEND, RawClient, Remote, config, remote};

#[path = "../raw-backend/golden.rs"]
mod said;

fn stdio() -> String {
    format!("  raw: {{command: \"{RAW_BACKEND}\"}}\n")
}

#[tokio::test]
async fn a_backend_over_stdio_is_passed_on_to_the_letter() {
    let host = Host::start(&config("mtime", &stdio(), "")).await;
    everything_is_golden(&RawClient::connect(host.url()).await).await;
}

#[tokio::test]
async fn an_error_of_a_remote_backend_keeps_code_message_and_data() {
    let server = Remote::run(RAW_BACKEND, ["--http"]).await;
    let host = Host::start(&config("mtime", &remote("raw", server.url()), "")).await;
    refusal_is_golden(&RawClient::connect(host.url()).await).await;
}

async fn everything_is_golden(client: &RawClient) {
    let tools = said::TOOLS.concat().join(",");
    for (method, params, result) in [
        ("tools/list", "{}", format!(r#"{{"tools":[{tools}]}}"#)),
        (
            "prompts/list",
            "{}",
            format!(r#"{{"prompts":[{}]}}"#, said::PROMPT),
        ),
        (
            "resources/list",
            "{}",
            format!(r#"{{"resources":[{}]}}"#, said::RESOURCE),
        ),
        (
            "resources/templates/list",
            "{}",
            format!(r#"{{"resourceTemplates":[{}]}}"#, said::TEMPLATE),
        ),
        (
            "tools/call",
            r#"{"name":"golden"}"#,
            said::CALLED.to_owned(),
        ),
        ("prompts/get", r#"{"name":"poem"}"#, said::POEM.to_owned()),
        (
            "resources/read",
            r#"{"uri":"raw://thing"}"#,
            said::THING.to_owned(),
        ),
    ] {
        assert_eq!(
            client.ask(method, params).await,
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#),
            "{method} {params}"
        );
    }
    refusal_is_golden(client).await;
}

async fn refusal_is_golden(client: &RawClient) {
    let refused = client.ask("tools/call", r#"{"name":"refuse"}"#).await;
    let error = said::REFUSED;
    assert_eq!(
        refused,
        format!(r#"{{"jsonrpc":"2.0","id":1,"error":{error}}}"#)
    );
}

#[tokio::test]
async fn parameters_reach_the_backend_to_the_letter() {
    let overridden = stdio().replace("}", ", tool_overrides: {mirror: {name: shown}}}");
    let host = Host::start(&config("mtime", &overridden, "")).await;
    let client = RawClient::connect(host.url()).await;
    let arguments =
        r#""arguments":{"z":18446744073709551615,"a":[null,1.0,{}],"i":-9223372036854775808}"#;
    let meta = r#""_meta":{"example.org/trace":"x","example.org/odd":{"b":1,"a":[]}"#;
    let params = format!(r#"{{"name":"shown",{arguments},{meta}}}}}"#);
    let mirrored = client.ask("tools/call", &params).await;
    for part in [r#""name":"mirror""#, arguments, meta] {
        assert!(mirrored.contains(part), "no {part} in {mirrored}");
    }
}

#[tokio::test]
async fn what_the_owner_overrides_is_all_that_differs() {
    let overridden = stdio().replace(
        "}",
        ", tool_overrides: {golden: {name: gilded, description: Thin.}}}",
    );
    let host = Host::start(&config("mtime", &overridden, "")).await;
    let client = RawClient::connect(host.url()).await;
    let listed = client.ask("tools/list", "{}").await;
    let gilded = said::TOOLS[0][0].replace(r#""name":"golden""#, r#""name":"gilded""#);
    let gilded = gilded.strip_suffix('}').unwrap();
    let gilded = format!(r#"{gilded},"description":"Thin."}}"#);
    assert!(listed.contains(&gilded), "{listed}");
}
