//! `server`: where MCP clients reach us.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::reader::MapReader;
use super::template::Template;
use super::value::Value;

const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DEFAULT_PORT: u64 = 9000;
const MIB: usize = 1 << 20;

/// Where MCP clients reach us.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    /// A loopback address, or any where clients must show a token; `localhost` in the file is
    /// 127.0.0.1.
    pub host: IpAddr,
    /// 0 stands for any free port.
    pub port: u16,
    /// The file names one of the two.
    pub is_named: bool,
    /// Read at the start.
    pub transport: Transport,
    /// How much clients may ask of us.
    pub limits: ServerLimits,
    /// The management API as the file has it.
    pub management: ManagementSettings,
}

/// `server.transport`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Clients come to an address.
    #[default]
    StreamableHttp,
    /// One client has started the host, and talks to it on standard input and output; others come
    /// to an address only where the file names one.
    Stdio,
}

impl Transport {
    /// As the file has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StreamableHttp => "streamable-http",
            Self::Stdio => "stdio",
        }
    }
}

/// `server.limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Clients that are connected at the same time.
    pub sessions: usize,
    /// Connections that are open at the same time.
    pub connections: usize,
    /// Bytes of one request.
    pub body: usize,
    /// A session without a word for so long is taken for abandoned.
    pub idle: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            sessions: 1000,
            connections: 2000,
            body: 4 * MIB,
            // Desktop clients sleep overnight.
            idle: Duration::from_secs(24 * 3600),
        }
    }
}

/// `server.management`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManagementSettings {
    /// Off unless the file turns it on.
    pub enabled: bool,
    /// What a client of the API must show.
    pub token: Option<Token>,
}

/// A template that may be typed as a literal secret, so its `Debug` does not show it.
#[derive(Clone, PartialEq)]
pub struct Token(pub Template);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl ServerSettings {
    /// What is in force where the file says nothing, by paths.
    pub fn defaults(&self) -> [(String, serde_json::Value); 8] {
        let Self {
            host,
            port,
            is_named: _,
            transport,
            limits,
            management,
        } = self;
        [
            ("host", host.to_string().into()),
            ("port", (*port).into()),
            ("transport", transport.as_str().into()),
            ("limits.connections", limits.connections.into()),
            ("limits.sessions", limits.sessions.into()),
            ("limits.body", (limits.body / MIB).into()),
            ("limits.idle", limits.idle.as_secs_f64().into()),
            ("management.enabled", management.enabled.into()),
        ]
        .map(|(path, value)| (format!("server.{path}"), value))
    }

    /// What to listen on.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            host: DEFAULT_HOST,
            port: DEFAULT_PORT as u16,
            is_named: false,
            transport: Transport::default(),
            limits: ServerLimits::default(),
            management: ManagementSettings::default(),
        }
    }
}

pub(super) fn read(root: &mut MapReader<'_>, has_auth: bool) -> ServerSettings {
    let Some(mut map) = root.get("server").and_then(|value| value.map()) else {
        return ServerSettings::default();
    };
    let is_named = map.get("host").is_some() || map.get("port").is_some();
    let settings = ServerSettings {
        is_named,
        transport: transport(&mut map),
        host: map
            .get("host")
            .and_then(|value| host(&value, has_auth))
            .unwrap_or(DEFAULT_HOST),
        port: map.integer("port", 0..=u16::MAX.into(), "", DEFAULT_PORT) as u16,
        limits: limits(&mut map),
        management: management(&mut map),
    };
    map.finish();
    settings
}

fn host(value: &Value<'_>, has_auth: bool) -> Option<IpAddr> {
    let text = value.text()?;
    let host = match text.as_str() {
        "localhost" => Some(DEFAULT_HOST),
        address => address.parse().ok(),
    };
    match host {
        None => {
            let message = format!(
                "{} is neither an IP address nor `localhost`",
                value.quoted()
            );
            value.error(message, None);
        }
        Some(host) if !host.is_loopback() && !has_auth => {
            let message = "anyone who reaches this address could call every tool";
            let help = "put `- auth: {token: \"${MCP_TOKEN}\"}` into `middleware`, or listen on \
                        127.0.0.1";
            value.error(message, Some(help.into()));
        }
        Some(_) => {}
    }
    host
}

fn limits(map: &mut MapReader<'_>) -> ServerLimits {
    let default = ServerLimits::default();
    let Some(mut map) = map.get("limits").and_then(|value| value.map()) else {
        return default;
    };
    let sessions = map.integer("sessions", 1..=100_000, "", default.sessions as u64);
    let body = map.integer("body", 1..=64, " MiB", (default.body / MIB) as u64);
    let connections = map.integer("connections", 1..=100_000, "", default.connections as u64);
    let limits = ServerLimits {
        sessions: sessions as usize,
        connections: connections as usize,
        body: body as usize * MIB,
        idle: map.seconds("idle", 1.0..=30.0 * 86_400.0, default.idle),
    };
    map.finish();
    limits
}

fn transport(map: &mut MapReader<'_>) -> Transport {
    let choices = [
        (
            Transport::StreamableHttp.as_str(),
            Some(Transport::StreamableHttp),
        ),
        (Transport::Stdio.as_str(), Some(Transport::Stdio)),
        ("sse", None),
    ];
    let Some(value) = map.get("transport") else {
        return Transport::default();
    };
    match value.one_of(&choices) {
        Some(Some(transport)) => transport,
        Some(None) => {
            value.warn("only streamable-http is served", None);
            Transport::default()
        }
        None => Transport::default(),
    }
}

fn management(map: &mut MapReader<'_>) -> ManagementSettings {
    let Some(value) = map.get("management") else {
        return ManagementSettings::default();
    };
    let Some(mut map) = value.map() else {
        return ManagementSettings::default();
    };
    let enabled = map.boolean("enabled", false);
    if enabled {
        value.warn("the management API is not in this version", None);
    } else {
        map.forgive_unset_variables();
    }
    let token = map.get("token").and_then(|value| value.template());
    map.finish();
    ManagementSettings {
        enabled,
        token: token.map(Token),
    }
}
