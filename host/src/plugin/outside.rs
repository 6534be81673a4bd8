//! The outside of a plugin that is tested in isolation: what answers its requests, whether its
//! signals arrive, which variables and files there are. What a plugin sends gets no further than
//! here, where it is written down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Map, Value, json};
use wasmtime_wasi_http::{Error, WasiBody};

use super::isolation::Isolation;

/// What lies outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// The variables of the environment.
    pub variables: BTreeMap<String, String>,
    /// The folder that stands for the root of the file system; without it there is none.
    pub root: Option<PathBuf>,
    /// What a server answers.
    pub http: HttpAnswer,
    /// Why a signal does not arrive; it does, without.
    pub signals_fail: Option<String>,
}

/// What a server answers, whichever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpAnswer {
    /// This.
    Response {
        /// Three digits.
        status: u16,
        /// As they are written.
        headers: BTreeMap<String, String>,
        /// All of it.
        body: String,
    },
    /// Nobody takes the connection.
    Refused,
    /// Nothing, as long as the call may last.
    Silent,
}

impl Default for HttpAnswer {
    fn default() -> Self {
        Self::Response {
            status: 200,
            headers: BTreeMap::new(),
            body: String::new(),
        }
    }
}

impl Outside {
    /// Where what has this path lies.
    pub(super) fn place_of(&self, path: &Path) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }
}

/// Writes the request down, and answers it.
pub(super) async fn answer(
    isolation: Isolation,
    request: Request<WasiBody>,
) -> Result<Response<WasiBody>, Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    isolation.sent(json!({
        "request": format!("{} {}", head.method, head.uri),
        "headers": written(&head.headers),
        "body": shown(&body),
    }));
    match isolation.outside().http {
        HttpAnswer::Response {
            status,
            headers,
            body,
        } => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
            response
                .body(body.boxed_unsync())
                .map_err(|error| Error::InternalError(Some(error.to_string())))
        }
        HttpAnswer::Refused => Err(Error::ConnectionRefused),
        HttpAnswer::Silent => Err(Error::HttpResponseTimeout),
    }
}

fn written(headers: &HeaderMap) -> Map<String, Value> {
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        all.entry(name.to_string()).or_default().push(value);
    }
    let joined = all.into_iter();
    joined
        .map(|(name, values)| (name, values.join(", ").into()))
        .collect()
}

/// As JSON; as text, where it is none.
fn shown(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}
