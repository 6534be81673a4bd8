//! The management API by an HTTP client that knows nothing of it.

use std::path::Path;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::soon;

pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) body: Value,
}

impl Api {
    /// On a socket.
    pub(crate) fn at(socket: &Path) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().unix_socket(socket);
        Self {
            http: http.build().unwrap(),
            base: "http://host/manage/v1".to_owned(),
        }
    }

    /// A request, to be sent by [`ask`].
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        ask(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        ask(json(self.request("POST", path), body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        ask(json(self.request("PATCH", path), body)).await
    }

    /// What is in force of this setting, and who says so.
    pub(crate) async fn setting(&self, key: &str) -> (Value, String) {
        let settings = self.get("/settings").await.body;
        let settings = settings["settings"].as_array().unwrap().clone();
        let found = settings.iter().find(|it| it["key"] == key).unwrap();
        let origin = found["origin"].as_str().unwrap();
        (found["value"].clone(), origin.to_owned())
    }
}

fn json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request
        .header("content-type", "application/json")
        .body(body.to_string())
}

/// Sends it.
pub(crate) async fn ask(request: RequestBuilder) -> Answer {
    let answer = soon("an answer", request.send()).await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type");
    let kind = kind.map_or_else(String::new, |kind| kind.to_str().unwrap().to_owned());
    let bytes = soon("the rest of it", answer.bytes()).await.unwrap();
    Answer {
        status,
        kind,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    }
}
