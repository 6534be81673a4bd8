//! `config-sync run`: the host, until a signal ends it, or the client that has started it leaves. SIGTERM and SIGINT drain, a second one
//! does not wait; SIGHUP reloads.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::find_config::{self, ConfigArgument};
use super::find_state::StateArgument;
use super::folders;
use super::logging::{self, Format};
use super::sync_flags::SyncFlags;
use super::sync_variables;
use crate::config::{self, Load, PluginSettings, Transport};
use crate::manage::Place;
use crate::memory;
use crate::reload::Trigger;
use crate::service::{Options, SentinelService};

/// How long calls and backends have to end. Below the 30 s (Kubernetes) and 90 s (systemd)
/// after which others end the process for us.
const DRAIN: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    state: StateArgument,
    /// How the log on standard error is written
    #[arg(long, value_enum, default_value_t)]
    log: Format,
    /// Serve the client that starts the host, on standard input and output, and end with it; an
    /// address is opened only if the file names one (as does `server.transport: stdio`)
    #[arg(long)]
    stdio: bool,
    #[command(flatten)]
    sync: SyncFlags,
}

/// What a signal asks for.
enum Ask {
    Reload,
    End,
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Ask {
        tokio::select! {
            _ = self.hangup.recv() => Ask::Reload,
            _ = self.interrupt.recv() => Ask::End,
            _ = self.terminate.recv() => Ask::End,
        }
    }

    async fn end(&mut self) {
        while matches!(self.next().await, Ask::Reload) {}
    }
}

impl Run {
    pub(super) async fn run(&self) -> ExitCode {
        logging::start(self.log);
        match self.serve().await {
            Ok(code) => code,
            Err(report) => {
                eprintln!("{report}");
                ExitCode::FAILURE
            }
        }
    }

    async fn serve(&self) -> Result<ExitCode, String> {
        let path = self.config.find()?;
        // From the first moment on, so that a signal during the start is not lost.
        let mut signals = Signals::listen().map_err(|error| error.to_string())?;
        let state = self.state.find()?;
        let Beforehand { plugins, transport } = beforehand(&path, state.as_deref())?;
        let stdio = self.stdio || transport == Transport::Stdio;
        let options = Options {
            config: path.clone(),
            plugins,
            stdio,
            cache: folders::cache(),
            place: Some(Place::of(
                folders::runtime().as_deref(),
                state.as_deref(),
                &path,
            )),
            state,
            settings: folders::settings(),
            said: [sync_variables::read()?, self.sync.read()?],
        };
        let mut service = SentinelService::new(options);
        tokio::select! {
            started = service.start() => started.map_err(|lines| lines.join("\n"))?,
            () = signals.end() => return Ok(ExitCode::SUCCESS),
        }
        let summary = service.summary();
        let mut lines = Vec::new();
        if stdio {
            lines.push(format!(
                "Serving MCP on standard input and output ({summary})"
            ));
        }
        if let Some(address) = service.address() {
            lines.push(format!("Serving MCP at http://{address}/mcp ({summary})"));
        }
        lines.push(format!("Watching {}", path.display()));
        for line in lines {
            // What is no message of MCP's has no place on its standard output.
            match stdio {
                true => eprintln!("{line}"),
                false => println!("{line}"),
            }
        }
        loop {
            let ask = tokio::select! {
                ask = signals.next() => ask,
                () = service.asked_to_end() => Ask::End,
            };
            match ask {
                Ask::Reload => service.reload(Trigger::Hangup),
                Ask::End => break,
            }
        }
        let ended = tokio::select! {
            ended = service.stop(DRAIN) => ended,
            () = signals.end() => false,
        };
        Ok(if ended {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// What must be known before anything can be loaded.
struct Beforehand {
    plugins: PluginSettings,
    transport: Transport,
}

/// What must be known before anything can be loaded. Where the file will not do, it
/// is that of the last good configuration, which is what will serve; else problems as `check`
/// shows them.
fn beforehand(path: &Path, state: Option<&Path>) -> Result<Beforehand, String> {
    let name = path.display().to_string();
    let of_bytes =
        |bytes: &[u8]| match config::load(&name, bytes, &|name| std::env::var(name).ok(), &[]) {
            Load::Empty => Err(format!(
                "{name}: it is empty; see README.md for a first configuration"
            )),
            Load::Invalid(problems) => Err(problems.pretty(false)),
            Load::Valid { config, .. } => Ok(Beforehand {
                plugins: config.plugins.clone(),
                transport: config.server.transport,
            }),
        };
    find_config::read(path)
        .and_then(|bytes| of_bytes(&bytes))
        .or_else(|report| {
            let good = state.and_then(|root| memory::last_good(root, path));
            let good = good.and_then(|good| of_bytes(&good.bytes).ok());
            good.ok_or(report)
        })
}
