//! What passes through the gateway is what was said, to the letter, known to MCP or not: between
//! clients and backends of every way and era, in both directions.

mod talk;

use crate::harness::{Host, RAW_BACKEND, RawClient, Remote, Way, Wire, config, remote, signature};

#[path = "../../raw-backend/golden.rs"]
mod said;

/// How the host reaches the backend, and of which era that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct There {
    is_http: bool,
    is_new: bool,
}

/// A client and a backend, with the host between them.
struct Pair {
    client: Wire,
    way: Way,
    there: There,
    /// They end with this.
    _others: (Option<Host>, Option<Remote>),
}

fn stdio(args: &str) -> String {
    format!("  raw: {{command: \"{RAW_BACKEND}\", args: [{args}]}}\n")
}

impl Pair {
    async fn connect(way: Way, there: There) -> Self {
        let era = if there.is_new { "--new" } else { "--old" };
        let (server, backend) = if there.is_http {
            let server = Remote::run(RAW_BACKEND, ["--http", era]).await;
            let backend = remote("raw", server.url());
            (Some(server), backend)
        } else {
            (None, stdio(&format!("\"{era}\"")))
        };
        let config = config("mtime", &backend, "");
        let (host, client) = if way.is_http() {
            let host = Host::start(&config).await;
            let client = Wire::to(host.url(), way).await;
            (Some(host), client)
        } else {
            (None, Wire::start(&config, way).await)
        };
        Self {
            client,
            way,
            there,
            _others: (host, server),
        }
    }

    /// The result as a client of this era gets it.
    fn result(&self, golden: &str, method: &str) -> String {
        let cacheable = method == "resources/read";
        match (self.way.is_new(), self.there.is_new) {
            (false, _) => golden.to_owned(),
            (true, true) if cacheable => {
                let more = r#"{"resultType":"complete","ttlMs":5,"cacheScope":"public","#;
                golden.replacen('{', more, 1)
            }
            (true, true) => golden.replacen('{', r#"{"resultType":"complete","#, 1),
            (true, false) => {
                let more = if cacheable {
                    r#","resultType":"complete","ttlMs":0,"cacheScope":"private"}"#
                } else {
                    r#","resultType":"complete"}"#
                };
                format!("{}{more}", golden.strip_suffix('}').unwrap())
            }
        }
    }

    /// A list, which is the gateway's own; its entries and what stands beside them are not.
    fn list(&self, key: &str, entries: &str) -> String {
        let more = if self.way.is_new() {
            r#","resultType":"complete","ttlMs":0,"cacheScope":"private""#
        } else {
            ""
        };
        let beside = said::BESIDE;
        format!(r#"{{"{key}":[{entries}],{beside}{more}}}"#)
    }

    async fn is_golden(&mut self, method: &str, params: &str, expected: String) {
        let (before, answer) = self.client.ask(method, params, "").await;
        assert_eq!(before, [""; 0], "{method}");
        assert_eq!(answer, expected, "{method} {params}");
    }

    async fn what_it_can_is_golden(&self) {
        for part in [said::BEYOND, r#""odd":1"#] {
            let hello = &self.client.hello;
            assert!(hello.contains(part), "no {part} in {hello}");
        }
    }

    async fn lists_are_golden(&mut self) {
        let tools = said::TOOLS.concat().join(",");
        for (method, key, entries) in [
            ("tools/list", "tools", tools.as_str()),
            ("prompts/list", "prompts", said::PROMPT),
            ("resources/list", "resources", said::RESOURCE),
            (
                "resources/templates/list",
                "resourceTemplates",
                said::TEMPLATE,
            ),
        ] {
            let expected = self.list(key, entries);
            self.is_golden(method, "", expected).await;
        }
    }

    async fn results_and_errors_are_golden(&mut self) {
        for (method, params, golden) in [
            ("tools/call", r#""name":"golden""#, said::CALLED),
            ("prompts/get", r#""name":"poem""#, said::POEM),
            ("resources/read", r#""uri":"raw://thing""#, said::THING),
            (
                "completion/complete",
                r#""ref":{"type":"ref/prompt","name":"poem"},"argument":{"name":"metre","value":""}"#,
                said::COMPLETED,
            ),
            ("telepathy/read", r#""mind":1e999"#, said::READING),
        ] {
            let expected = self.result(golden, method);
            self.is_golden(method, params, expected).await;
        }
        let refused = said::REFUSED.to_owned();
        self.is_golden("tools/call", r#""name":"refuse""#, refused)
            .await;
        let unknown = r#"{"code":-32601,"message":"no such method"}"#.to_owned();
        self.is_golden("telepathy/write", "", unknown).await;
    }

    async fn parameters_are_golden(&mut self) {
        let params = r#""name":"mirror","z":[],"arguments":{"z":18446744073709551616,"a":[null,1.0,{}],"i":-9223372036854775808,"é":"\u00e9"}"#;
        let meta = r#""example.org/trace":"x","example.org/odd":{"b":1e999,"a":[]}"#;
        let (_, answer) = self.client.ask("tools/call", params, meta).await;
        let meta = match (self.way.is_new(), self.there.is_new) {
            (_, false) => meta.to_owned(),
            // Of the client itself, in both eras.
            (_, true) => format!("{meta},{}", signature()),
        };
        let seen = format!(r#"{{{params},"_meta":{{{meta}}}}}"#);
        let golden = format!(r#"{{"content":[],"structuredContent":{seen}}}"#);
        assert_eq!(answer, self.result(&golden, "tools/call"));
    }
}

async fn everything_is_golden(way: Way, there: There) {
    let mut pair = Pair::connect(way, there).await;
    pair.what_it_can_is_golden().await;
    pair.lists_are_golden().await;
    pair.results_and_errors_are_golden().await;
    pair.parameters_are_golden().await;
    pair.what_precedes_an_answer_is_golden().await;
    pair.questions_and_their_answers_are_golden().await;
    pair.what_clients_tell_is_golden().await;
    pair.what_is_said_beside_calls_is_golden().await;
    pair.a_batch_is_refused().await;
}

/// A test for each way of a client and each way and era of a backend.
macro_rules! for_each_pair {
    ($($client:ident: $way:ident;)+) => {
        $(mod $client {
            use super::{There, Way, everything_is_golden};

            #[tokio::test]
            async fn with_a_backend_over_stdio() {
                let there = There { is_http: false, is_new: false };
                everything_is_golden(Way::$way, there).await;
            }

            #[tokio::test]
            async fn with_a_backend_over_stdio_of_the_new_era() {
                let there = There { is_http: false, is_new: true };
                everything_is_golden(Way::$way, there).await;
            }

            #[tokio::test]
            async fn with_a_backend_over_http() {
                let there = There { is_http: true, is_new: false };
                everything_is_golden(Way::$way, there).await;
            }

            #[tokio::test]
            async fn with_a_backend_over_http_of_the_new_era() {
                let there = There { is_http: true, is_new: true };
                everything_is_golden(Way::$way, there).await;
            }
        })+
    };
}

for_each_pair! {
    a_client_with_a_session: Session;
    a_client_without_a_session: Stateless;
    a_client_over_stdio: StdioOld;
    a_client_over_stdio_of_the_new_era: StdioNew;
}

#[tokio::test]
async fn what_either_of_two_backends_may_know_is_refused_and_not_offered() {
    let backends = stdio("") + &stdio("").replace("raw:", "other:");
    let host = Host::start(&config("mtime", &backends, "")).await;
    let client = RawClient::connect(host.url()).await;
    assert!(!client.hello().contains("telepathy"), "{}", client.hello());
    let refused = client.ask("telepathy/read", "{}").await;
    assert!(
        refused.contains("-32601") && refused.contains("which of 2 backends"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_the_owner_overrides_is_all_that_differs() {
    let overridden = stdio("").replace(
        "}",
        ", tool_overrides: {golden: {name: gilded, description: Thin.}, mirror: {name: shown}}}",
    );
    let host = Host::start(&config("mtime", &overridden, "")).await;
    let client = RawClient::connect(host.url()).await;
    let listed = client.ask("tools/list", "{}").await;
    let gilded = said::TOOLS[0][0].replace(r#""name":"golden""#, r#""name":"gilded""#);
    let gilded = gilded.strip_suffix('}').unwrap();
    let gilded = format!(r#"{gilded},"description":"Thin."}}"#);
    assert!(listed.contains(&gilded), "{listed}");
    let arguments = r#""arguments":{"z":18446744073709551615}"#;
    let call = |name: &str| format!(r#"{{"name":"{name}",{arguments}}}"#);
    let mirrored = client.ask("tools/call", &call("shown")).await;
    assert!(mirrored.contains(&call("mirror")), "{mirrored}");
}
