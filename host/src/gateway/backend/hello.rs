//! How the gateway and a backend come to know each other. First it is asked as servers of the new
//! era are (`server/discover`); what does not know that is of the old one and is greeted with
//! `initialize`. (2026-07-28, "Backward compatibility" of both transports.)

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use super::era;
use super::failure::Failure;
use super::peer::{Ask, Link, Peer};
use crate::config::Protocol;
use crate::gateway::capabilities::own_info;
use crate::gateway::client::Client;
use crate::mcp::{Members, Raw, Version, key, raw_of};

/// A server that has not said by then whether it knows `server/discover` is greeted in the old
/// way as well; whichever answer is good first, counts.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a backend said of itself.
#[derive(Debug, Clone)]
pub(super) struct Hello {
    pub(super) version: Version,
    /// It speaks a version of the old era as well.
    pub(super) speaks_old: bool,
    pub(super) capabilities: Members,
    pub(super) instructions: Option<String>,
}

/// Whom a backend takes the gateway for.
#[derive(Debug, Clone)]
pub(super) struct Introduction {
    pub(super) info: Option<Raw>,
    pub(super) capabilities: Members,
    /// The newest version to begin with.
    pub(super) version: Version,
    /// The client to whom the connection belongs, if it is one client's alone.
    pub(super) owner: Option<Arc<dyn Client>>,
}

impl Introduction {
    /// The gateway itself, on a connection that all clients share.
    pub(super) fn own() -> Self {
        Self {
            info: own_info(),
            capabilities: own_capabilities(),
            version: Version::LATEST,
            owner: None,
        }
    }

    /// The same, with a backend with which nothing newer is spoken.
    pub(super) fn at_most(&self, protocol: Protocol) -> Self {
        let newest = match protocol {
            Protocol::Stateless => Version::LATEST,
            Protocol::WithSessions => Version::LAST_WITH_SESSIONS,
        };
        Self {
            version: self.version.min(newest),
            ..self.clone()
        }
    }

    /// A client itself, as a backend shall know it that has a connection for it alone.
    pub(super) fn of(client: &Arc<dyn Client>, version: Version) -> Self {
        Self {
            info: client.info().map(ToOwned::to_owned).or_else(own_info),
            capabilities: client.capabilities().clone(),
            version,
            owner: Some(Arc::clone(client)),
        }
    }
}

/// What some client may be able to do: which one is asked, and whether it can, is seen when a
/// backend asks.
pub(super) fn own_capabilities() -> Members {
    const ALL: &str = r#"{"roots":{"listChanged":true},"sampling":{"context":{},"tools":{}},"elicitation":{"form":{},"url":{}}}"#;
    Members::parse(ALL).unwrap_or_default()
}

/// Why they do not come to know each other.
#[derive(Debug)]
pub(super) enum Unwelcome {
    /// It is gone, or was never there.
    Gone(String),
    /// It is there, and says this.
    Refuses(String),
}

impl Unwelcome {
    fn of(failure: &Failure) -> Self {
        match failure {
            gone @ Failure::NoAnswer(_) => Self::Gone(gone.to_string()),
            refused @ Failure::Refused(_) => Self::Refuses(refused.to_string()),
            other => Self::Refuses(format!("it answers `initialize` with: {other}")),
        }
    }

    pub(super) fn into_reason(self) -> String {
        match self {
            Self::Gone(why) | Self::Refuses(why) => why,
        }
    }
}

/// Asks in the new way, then in the old.
pub(super) async fn greet(peer: &Arc<Peer>, me: &Introduction) -> Result<Hello, Unwelcome> {
    if me.version.has_sessions() {
        return initialize(peer, me).await;
    }
    let mut discovering = pin!(peer.request(Ask::own("server/discover", discover_params(me))));
    match tokio::time::timeout(PATIENCE, &mut discovering).await {
        Ok(Err(gone @ Failure::NoAnswer(_))) if matches!(peer.link, Link::Lines(_)) => {
            return Err(Unwelcome::of(&gone));
        }
        Ok(answer) => {
            return match discovered(answer) {
                Some(hello) => Ok(hello),
                None => initialize(peer, me).await,
            };
        }
        Err(_elapsed) => {}
    }
    let mut initializing = pin!(initialize(peer, me));
    let refused = tokio::select! {
        hello = &mut initializing => match hello {
            Ok(hello) => return Ok(hello),
            Err(refused) => refused,
        },
        answer = &mut discovering => match discovered(answer) {
            Some(hello) => return Ok(hello),
            None => return initializing.await,
        },
    };
    discovered(discovering.await).ok_or(refused)
}

fn discover_params(me: &Introduction) -> Members {
    let mut meta = Members::default();
    era::sign(&mut meta, Version::LATEST, None);
    meta.set(key::CLIENT_CAPABILITIES, me.capabilities.to_raw());
    if let Some(info) = &me.info {
        meta.set(key::CLIENT_INFO, info.clone());
    }
    Members::from_iter([(key::META.to_owned(), meta.to_raw())])
}

/// What a server of the new era said; `None` for one that is not, or that speaks no version of it
/// that is spoken here.
fn discovered(answer: Result<Raw, Failure>) -> Option<Hello> {
    let result = Members::of(&answer.ok()?)?;
    let versions: Vec<String> = result.read("supportedVersions")?;
    let version = newest(&versions).filter(|it| !it.has_sessions())?;
    let mut known = versions.iter().filter_map(|it| Version::named(it));
    Some(Hello {
        version,
        speaks_old: known.any(Version::has_sessions),
        capabilities: result.object("capabilities").unwrap_or_default(),
        instructions: result.text("instructions"),
    })
}

fn newest(versions: &[String]) -> Option<Version> {
    let known = versions.iter().filter_map(|it| Version::named(it));
    known.max()
}

/// Greets in the old way.
pub(super) async fn initialize(peer: &Arc<Peer>, me: &Introduction) -> Result<Hello, Unwelcome> {
    let wanted = me.version.min(Version::LAST_WITH_SESSIONS);
    let mut params = Members::default();
    let mut set = |key: &str, value: Option<Raw>| {
        if let Some(value) = value {
            params.set(key, value);
        }
    };
    set("protocolVersion", raw_of(&wanted.as_str()).ok());
    set("capabilities", Some(me.capabilities.to_raw()));
    set("clientInfo", me.info.clone());
    let answer = peer.request(Ask::own("initialize", params)).await;
    let result = answer.map_err(|failure| Unwelcome::of(&failure))?;
    let hello = initialized(&result).map_err(Unwelcome::Refuses)?;
    // What follows goes by this version already.
    let _ = peer.hello.set(hello.clone());
    peer.notify("notifications/initialized", None);
    Ok(hello)
}

fn initialized(result: &RawValue) -> Result<Hello, String> {
    let result = Members::of(result).unwrap_or_default();
    let named = result
        .text("protocolVersion")
        .ok_or("its answer to `initialize` has no `protocolVersion`")?;
    let version = Version::named(&named).filter(|it| it.has_sessions());
    Ok(Hello {
        speaks_old: true,
        version: version
            .ok_or_else(|| format!("it wants to speak version `{named}`, which is not known"))?,
        capabilities: result.object("capabilities").unwrap_or_default(),
        instructions: result.text("instructions"),
    })
}
