//! `config-sync run`: the host, until a signal ends it, or the client that has started it leaves.
//! SIGTERM and SIGINT drain, a second one does not wait; SIGHUP reloads. With `--tui` the UI stands
//! before it in the same process: who leaves it ends the host as SIGTERM would.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::find_config::{self, ConfigArgument};
use super::find_state::StateArgument;
use super::folders;
use super::logging::{self, Format};
use super::page::print;
use super::signals::{Ask, Signals};
use super::sync_flags::SyncFlags;
use super::{sync_variables, tui};
use crate::config::{self, Known, Load, PluginSettings, Transport};
use crate::events::EventKind;
use crate::manage::{Client, Place, Status};
use crate::memory;
use crate::reload::Trigger;
use crate::secrets::value_of;
use crate::service::{Options, SentinelService};
use crate::state::{self, Folder};
use crate::tui as ui;

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
    /// Show the host on this terminal; the log goes to `host.log` in the state folder meanwhile
    #[arg(long, conflicts_with = "stdio")]
    tui: bool,
    #[command(flatten)]
    sync: SyncFlags,
}

impl Run {
    pub(super) async fn run(&self) -> ExitCode {
        match self.serve().await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(report) => {
                eprintln!("{report}");
                ExitCode::FAILURE
            }
        }
    }

    /// Whether everything has ended in time.
    async fn serve(&self) -> Result<bool, String> {
        let path = self.config.find()?;
        let state = self.state.find()?;
        self.start_log(state.as_deref(), &path)?;
        // From the first moment on, so that a signal during the start is not lost.
        let mut signals = Signals::listen()?;
        let Beforehand { plugins, transport } = beforehand(&path, state.as_deref())?;
        let stdio = self.stdio || transport == Transport::Stdio;
        if stdio && self.tui {
            return Err(
                "server.transport is stdio, so the client has this input and output; leave --tui \
                 out, and see the host by `config-sync tui` in another terminal"
                    .to_owned(),
            );
        }
        let place = folders::place(state.as_deref(), &path);
        let options = Options {
            config: path.clone(),
            plugins,
            plugins_of_user: folders::plugins(),
            stdio,
            cache: folders::cache(),
            place: Some(place.clone()),
            state,
            settings: folders::settings(),
            said: [sync_variables::read()?, self.sync.read()?],
        };
        let mut service = SentinelService::new(options);
        for told in sync_variables::misspelt() {
            service.events().publish(EventKind::Degraded, told);
        }
        if self.tui {
            let shown = show(place, &mut service, &mut signals).await;
            if shown.is_err() {
                // What has started ends, whatever became of the terminal.
                service.stop(DRAIN).await;
            }
            shown?;
            let seconds = DRAIN.as_secs();
            eprintln!("stopping: calls may end, for {seconds} seconds at most");
        } else {
            if !start(&mut service, &mut signals).await? {
                return Ok(true);
            }
            announce(&service, &path, stdio);
            follow(&service, &mut signals, || true).await;
        }
        Ok(tokio::select! {
            ended = service.stop(DRAIN) => ended,
            () = signals.end() => false,
        })
    }

    fn start_log(&self, state: Option<&Path>, watched: &Path) -> Result<(), String> {
        if !self.tui {
            logging::start(self.log);
            return Ok(());
        }
        tui::needs_terminal()?;
        let root = state.ok_or(
            "with --tui the log goes to a file, and this user has no home folder; name one with \
             --state DIR",
        )?;
        let folder = Folder::of(root, watched).path().to_owned();
        state::make(&folder).map_err(|error| error.to_string())?;
        let file = folder.join("host.log");
        let began = logging::start_in(&file, self.log);
        began.map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// Starts. False, when a signal ends that.
async fn start(service: &mut SentinelService, signals: &mut Signals) -> Result<bool, String> {
    tokio::select! {
        started = service.start() => started.map(|()| true).map_err(|lines| lines.join("\n")),
        () = signals.end() => Ok(false),
    }
}

/// Says where it serves, and what it watches.
fn announce(service: &SentinelService, path: &Path, stdio: bool) {
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
            false => {
                print(&(line + "\n"));
            }
        }
    }
}

/// Until somebody wants it to end. SIGHUP reloads, as long as that is what it means.
async fn follow(service: &SentinelService, signals: &mut Signals, reloads: fn() -> bool) {
    loop {
        let ask = tokio::select! {
            ask = signals.next() => ask,
            () = service.asked_to_end() => Ask::End,
        };
        match ask {
            Ask::Reload if reloads() => service.reload(Trigger::Hangup),
            _ => return,
        }
    }
}

/// As [`start`] and [`follow`], with the UI before them, which shows the start, too.
async fn show(
    place: Place,
    service: &mut SentinelService,
    signals: &mut Signals,
) -> Result<(), String> {
    if let Ok(client) = Client::find(&place).await {
        let status: Status = client.get("/status").await.map_err(|it| it.to_string())?;
        return Err(format!(
            "a host follows {} already (process {}); `config-sync tui` shows it",
            status.config, status.process
        ));
    }
    let host = async {
        if start(service, signals).await? {
            follow(service, signals, has_terminal).await;
        }
        Ok(())
    };
    // The UI says why, before it asks.
    let place_of = Box::new(|_: &str| Err("a host keeps its file".to_owned()));
    let options = ui::Options {
        place,
        place_of,
        owns_host: true,
    };
    tokio::select! {
        ended = host => ended,
        left = ui::run(options) => left.map_err(|it| tui::failed(&it)),
    }
}

/// A terminal that is gone sends SIGHUP, too, and then this has an end.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
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
    let of_bytes = |bytes: &[u8]| match config::load(&name, bytes, &value_of, Known::default()) {
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
