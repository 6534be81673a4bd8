//! A client that knows nothing of MCP's types: it sends text and gets text.

use super::client::http;
use super::soon;

const SESSION: &str = "mcp-session-id";

pub(crate) struct RawClient {
    http: reqwest::Client,
    url: String,
    session: String,
    token: Option<String>,
    hello: String,
}

const HELLO: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}"#;

/// The answer to `initialize`, whatever it is.
pub(crate) async fn knock(url: &str, token: Option<&str>) -> reqwest::Response {
    RawClient::new(url, token).post(HELLO).await
}

/// What is at this address, without a token.
pub(crate) async fn get(url: &str) -> reqwest::Response {
    soon(url, http().get(url).send()).await.unwrap()
}

impl RawClient {
    fn new(url: &str, token: Option<&str>) -> Self {
        Self {
            http: http(),
            url: url.to_owned(),
            session: String::new(),
            token: token.map(str::to_owned),
            hello: String::new(),
        }
    }

    pub(crate) async fn connect(url: &str) -> Self {
        Self::new(url, None).begin().await
    }

    /// Shows a token with every request.
    pub(crate) async fn connect_with(url: &str, token: &str) -> Self {
        Self::new(url, Some(token)).begin().await
    }

    /// Shows none from now on.
    pub(crate) fn forget_token(&mut self) {
        self.token = None;
    }

    /// The status of the answer to a ping.
    pub(crate) async fn status(&self) -> u16 {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        self.post(ping).await.status().as_u16()
    }

    /// Status and text of an answer that is no answer of MCP's.
    pub(crate) async fn refused(&self, method: &str, params: &str) -> (u16, String) {
        let request =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let answer = self.post(&request).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Status and text of the answer to these bytes.
    pub(crate) async fn say(&self, body: &str) -> (u16, String) {
        let answer = self.post(body).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// By what its requests say that they are its own.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    async fn begin(self) -> Self {
        let mut client = self;
        let answer = client.post(HELLO).await;
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

    /// The stream of what concerns no request.
    pub(crate) async fn listen(&self) -> reqwest::Response {
        let request = self.http.get(&self.url);
        let request = self.sign(request.header("accept", "text/event-stream"));
        soon("a stream", request.send()).await.unwrap()
    }

    async fn post(&self, body: &str) -> reqwest::Response {
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(body.to_owned());
        soon(body, self.sign(request).send()).await.unwrap()
    }

    /// With what says that it is this client's.
    fn sign(&self, mut request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        if !self.session.is_empty() {
            request = request.header(SESSION, &self.session);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request
    }
}
