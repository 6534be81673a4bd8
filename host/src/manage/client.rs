//! The client: finds the running host of a configuration and talks to its API. What the command
//! line uses; holds nothing that outlives a request.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{PREFIX, Place, Problem};
use crate::events::SyncEvent;
use crate::http_client;

/// A host that has accepted a question and says nothing for so long hangs.
const ANSWER: Duration = Duration::from_secs(15);
/// What is ordered may take its time; the host says so after a minute.
const DEED: Duration = Duration::from_secs(90);

/// Talks to one host.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
}

/// Why there is no answer, or none that helps.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error(
        "no host runs on {0}; start one with `config-sync run --config {0}`, with the same --state if it has one"
    )]
    NoHost(String),
    /// The host will not.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// Somebody is there, and the answer does not come or makes no sense.
    #[error("the host does not answer as it should: {0}")]
    Broken(String),
}

/// The stream of events.
#[derive(Debug)]
pub struct Following {
    response: Response,
    last_id: Option<String>,
    text: Vec<u8>,
    told: VecDeque<Told>,
}

/// One thing that the stream tells.
#[derive(Debug, Clone)]
pub enum Told {
    /// What happened.
    Event(SyncEvent),
    /// So many events are not told: the reader was too slow, or away for too long.
    Missed(u64),
    /// The host was started anew: its events are counted from the beginning.
    Restarted,
}

impl Client {
    /// The client of the host at this place.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(place: &Place) -> Result<Self, ClientError> {
        let found = place.find().await;
        let socket = found
            .map_err(|error| ClientError::Broken(error.to_string()))?
            .ok_or_else(|| ClientError::NoHost(place.watched().display().to_string()))?;
        let http = http_client::builder()
            .no_proxy()
            .unix_socket(socket)
            .build()
            .map_err(broken)?;
        Ok(Self { http })
    }

    /// Asks.
    ///
    /// # Errors
    /// When the host will not, or does not answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read(self.request(Method::GET, path).timeout(ANSWER)).await
    }

    /// Orders.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read(self.request(Method::POST, path).timeout(DEED)).await
    }

    /// Orders, with more to say.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub async fn post_with<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.request(Method::POST, path).timeout(DEED);
        read(with_json(request, body)?).await
    }

    /// Changes: what `changes` says, the rest stays (RFC 7396).
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        changes: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.request(Method::PATCH, path).timeout(DEED);
        read(with_json(request, changes)?).await
    }

    /// What a reload of these bytes would do.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub async fn plan<T: DeserializeOwned>(&self, next: Vec<u8>) -> Result<T, ClientError> {
        let request = self.request(Method::POST, "/plan").timeout(DEED);
        read(request.header(CONTENT_TYPE, "application/yaml").body(next)).await
    }

    /// Whatever happens after the event of this id; from now on, without one.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub async fn follow(&self, query: &str, id: Option<&str>) -> Result<Following, ClientError> {
        let mut request = self.request(Method::GET, &format!("/events/stream{query}"));
        if let Some(id) = id {
            request = request.header("last-event-id", id);
        }
        Ok(Following {
            response: accepted(request).await?,
            last_id: id.map(str::to_owned),
            text: Vec::new(),
            told: VecDeque::new(),
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // A socket has no name; one must stand there.
        let url = format!("http://config-sync{PREFIX}{path}");
        self.http.request(method, url)
    }
}

impl Following {
    /// The next thing; `None` once the host has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Some(told);
            }
            // A host that was killed breaks it off: that is its end, too.
            let chunk = self.response.chunk().await.ok()??;
            self.text.extend_from_slice(&chunk);
            while let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<_> = self.text.drain(..end + 2).collect();
                let block = String::from_utf8_lossy(&block);
                self.told.extend(told(&block));
                if let Some(id) = field(&block, "id:") {
                    self.last_id = Some(id.to_owned());
                }
            }
        }
    }

    /// The id after which to follow anew, once this has ended.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }
}

/// What one block of the stream says; nothing, if it only keeps the connection alive.
fn told(block: &str) -> Option<Told> {
    let data = field(block, "data:")?;
    match field(block, "event:") {
        Some("missed") => {
            let data: serde_json::Value = serde_json::from_str(data).ok()?;
            Some(Told::Missed(data.get("missed")?.as_u64()?))
        }
        Some("restarted") => Some(Told::Restarted),
        _ => serde_json::from_str(data).ok().map(Told::Event),
    }
}

fn field<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = block.lines();
    lines.find_map(|line| line.strip_prefix(name).map(str::trim_start))
}

fn with_json(
    request: RequestBuilder,
    body: &impl Serialize,
) -> Result<RequestBuilder, ClientError> {
    let json = serde_json::to_vec(body).map_err(|error| ClientError::Broken(error.to_string()))?;
    Ok(request.header(CONTENT_TYPE, "application/json").body(json))
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ClientError> {
    let body = accepted(request).await?.bytes().await.map_err(broken)?;
    serde_json::from_slice(&body).map_err(|error| {
        ClientError::Broken(format!(
            "{error}; is it of another version than this program?"
        ))
    })
}

async fn accepted(request: RequestBuilder) -> Result<Response, ClientError> {
    let response = request.send().await.map_err(broken)?;
    let status = response.status();
    // A host that is not healthy says so in its answer, which is one.
    if status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE {
        return Ok(response);
    }
    let body = response.bytes().await.map_err(broken)?;
    Err(match serde_json::from_slice(&body) {
        Ok(problem) => ClientError::Refused(problem),
        Err(_) => ClientError::Broken(status.to_string()),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: reqwest::Error) -> ClientError {
    ClientError::Broken(http_client::causes(&error))
}
