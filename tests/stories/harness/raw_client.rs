//! A client that knows nothing of MCP's types: it sends text and gets text.

use super::client::http;
use super::soon;

const SESSION: &str = "mcp-session-id";

pub(crate) struct RawClient {
    http: reqwest::Client,
    url: String,
    session: String,
    hello: String,
}

impl RawClient {
    pub(crate) async fn connect(url: &str) -> Self {
        let mut client = Self {
            http: http(),
            url: url.to_owned(),
            session: String::new(),
            hello: String::new(),
        };
        let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}"#;
        let answer = client.post(hello).await;
        client.session = answer.headers()[SESSION].to_str().unwrap().to_owned();
        client.hello = answer.text().await.unwrap();
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(client.post(initialized).await.status(), 202);
        client
    }

    /// The answer to `initialize`, as it came.
    pub(crate) fn hello(&self) -> &str {
        &self.hello
    }

    /// Goes on at another address, in the same session.
    pub(crate) fn move_to(&mut self, url: &str) {
        self.url = url.to_owned();
    }

    /// The whole answer, as it came: `{"jsonrpc":"2.0","id":1,"result":...}`.
    pub(crate) async fn ask(&self, method: &str, params: &str) -> String {
        let request =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let answer = self.post(&request).await;
        assert_eq!(answer.status(), 200);
        let body = soon(method, answer.text()).await.unwrap();
        let mut messages = body.lines().filter_map(|line| line.strip_prefix("data:"));
        let message = messages.rfind(|message| !message.trim().is_empty());
        message.unwrap_or(&body).trim().to_owned()
    }

    async fn post(&self, body: &str) -> reqwest::Response {
        let mut request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(body.to_owned());
        if !self.session.is_empty() {
            request = request.header(SESSION, &self.session);
        }
        soon(body, request.send()).await.unwrap()
    }
}
