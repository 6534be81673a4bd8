//! `server`: where MCP clients reach us.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::reader::MapReader;
use super::token::{self, Token};
use super::value::Value;

const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DEFAULT_PORT: u64 = 9000;
const DEFAULT_MANAGEMENT_PORT: u64 = 9001;
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
#[derive(Clone, Debug, PartialEq)]
pub struct ManagementSettings {
    /// Served over TCP, beside the socket; off unless the file turns it on.
    pub enabled: bool,
    /// Where; others reach only what is served with a token.
    pub address: SocketAddr,
    /// What a client of the API must show.
    pub token: Option<Token>,
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
    let exposed = (
        "anyone who reaches this address could call every tool",
        "put `- auth: {token: \"${MCP_TOKEN}\"}` into `middleware`, or listen on 127.0.0.1",
    );
    let exposed = (!has_auth).then_some(exposed);
    let settings = ServerSettings {
        is_named,
        transport: transport(&mut map),
        host: map
            .get("host")
            .and_then(|value| host(&value, exposed))
            .unwrap_or(DEFAULT_HOST),
        port: map.integer("port", 0..=u16::MAX.into(), "", DEFAULT_PORT) as u16,
        limits: limits(&mut map),
        management: management(&mut map),
    };
    map.finish();
    settings
}

/// An address; `exposed` is what is wrong with one that others reach, if anything is, and the remedy.
fn host(value: &Value<'_>, exposed: Option<(&str, &str)>) -> Option<IpAddr> {
    let text = value.text()?;
    let host = match text.as_str() {
        "localhost" => Some(DEFAULT_HOST),
        address => address.parse().ok(),
    };
    match (host, exposed) {
        (None, _) => {
            let quoted = value.quoted();
            value.error(
                format!("{quoted} is neither an IP address nor `localhost`"),
                None,
            );
        }
        (Some(host), Some((message, help))) if !host.is_loopback() => {
            value.error(message, Some(help.into()));
        }
        (Some(_), _) => {}
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
            let help = "leave it out: clients find MCP over streamable-http at /mcp";
            value.warn("sse is not served", Some(help.into()));
            Transport::default()
        }
        None => Transport::default(),
    }
}

impl Default for ManagementSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            address: SocketAddr::new(DEFAULT_HOST, DEFAULT_MANAGEMENT_PORT as u16),
            token: None,
        }
    }
}

fn management(map: &mut MapReader<'_>) -> ManagementSettings {
    let default = ManagementSettings::default();
    let Some(mut map) = map.get("management").and_then(|value| value.map()) else {
        return default;
    };
    let enabled = map.boolean("enabled", false);
    if !enabled {
        map.forgive_unset_variables();
    }
    let has_token = map.has("token");
    let exposed = (
        "anyone who reaches this address could stop the host",
        "write `token: \"${MANAGE_TOKEN}\"`, or listen on 127.0.0.1",
    );
    let exposed = (enabled && !has_token).then_some(exposed);
    let host = map.get("host").and_then(|value| host(&value, exposed));
    let port = map.integer("port", 0..=u16::MAX.into(), "", DEFAULT_MANAGEMENT_PORT);
    let token = map.get("token");
    let token = match enabled {
        true => token.and_then(|value| token::read(&value)),
        false => token.and_then(|value| value.template()).map(Token),
    };
    map.finish();
    ManagementSettings {
        enabled,
        address: SocketAddr::new(host.unwrap_or(DEFAULT_HOST), port as u16),
        token,
    }
}
