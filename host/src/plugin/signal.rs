//! The host's side of the import `signal`: sends signals to the processes that are granted, by
//! the name under which the user granted them. Waits for none of them.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use wasmtime_wasi::runtime::in_tokio;

use super::bindings::granted::config_sync::plugin::signal::{self, Kind};
use super::state::State;
use crate::config::SignalGrant;
use crate::target::{LocalFile, Target as _};

/// A pidfile holds one number.
const MOST_BYTES: u32 = 64;
/// systemd answers at once, or not at all.
const SYSTEMCTL: Duration = Duration::from_secs(5);

impl signal::Host for State {
    fn targets(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.grants().signal.iter().map(name).collect())
    }

    fn send(&mut self, to: String, kind: Kind) -> wasmtime::Result<Result<(), String>> {
        self.count("signal.send");
        let granted = self.grants().signal.iter().find(|it| name(it) == to);
        let Some(granted) = granted.cloned() else {
            let to = super::output::cut(to);
            return Ok(Err(format!("`{to}` is not granted (grants.signal)")));
        };
        if !self.may_signal() {
            return Ok(Err("too many signals in one call".to_owned()));
        }
        if let Some(isolation) = self.isolation() {
            isolation.sent(json!({ "signal": word(kind), "to": to }));
            return Ok(isolation.outside().signals_fail.map_or(Ok(()), Err));
        }
        let plugin = self.name().to_owned();
        let sent = self.on_the_hosts_time(|| match &granted {
            SignalGrant::Pidfile(path) => to_process(path, kind),
            SignalGrant::Unit(unit) => to_unit(unit, kind),
        })?;
        tracing::info!(target: "config_sync::plugin", plugin, to, ?kind, ?sent, "signal");
        Ok(sent)
    }
}

fn name(grant: &SignalGrant) -> String {
    match grant {
        SignalGrant::Pidfile(path) => path.display().to_string(),
        SignalGrant::Unit(unit) => unit.clone(),
    }
}

fn to_process(path: &Path, kind: Kind) -> Result<(), String> {
    let told = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let bytes = LocalFile::new(path).read(0, MOST_BYTES);
    let bytes = bytes.map_err(|error| told(&error))?;
    let text = std::str::from_utf8(&bytes).ok();
    let id: i32 = text
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| told(&"it holds no number of a process"))?;
    // 0 and what is negative mean groups, 1 is the system's own, and the host ends by no plugin.
    if id <= 1 || id.cast_unsigned() == std::process::id() {
        return Err(told(&format_args!("process {id} is not to be signalled")));
    }
    kill(Pid::from_raw(id), native(kind))
        .map_err(|error| told(&format_args!("process {id}: {}", error.desc())))
}

/// Of the system's units: those of a user have their pidfiles.
fn to_unit(unit: &str, kind: Kind) -> Result<(), String> {
    let told = |why: &dyn std::fmt::Display| format!("{unit}: {why}");
    let mut command = tokio::process::Command::new("systemctl");
    command
        // systemd before 252 knows no `--kill-whom`, and each one since takes this for its beginning.
        .args(["--no-ask-password", "kill", "--kill-who=main", "--signal"])
        .arg(native(kind).as_str())
        .args(["--", unit])
        // Its words are looked into.
        .env("LC_ALL", "C")
        // In a chroot it would do nothing, and call that well done.
        .env("SYSTEMD_IGNORE_CHROOT", "1")
        // Where it has a terminal, it takes that to ask for a password.
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = in_tokio(async { tokio::time::timeout(SYSTEMCTL, command.output()).await });
    match ended {
        Err(_) => Err(told(&"systemctl does not answer")),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => {
            Err(told(&format_args!("there is no systemctl ({NO_SYSTEMD})")))
        }
        Ok(Err(error)) => Err(told(&format_args!("systemctl: {error}"))),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(super::output::cut(told(&refusal(unit, said.trim()))))
        }
    }
}

const NO_SYSTEMD: &str = "without a running systemd, grant a pidfile";

/// What systemctl says when it has sent nothing, and what to do about it.
fn refusal(unit: &str, said: &str) -> String {
    // The last line says what failed, each of them may say why.
    let last = said.lines().last().unwrap_or("systemctl fails");
    let why = last
        .strip_prefix(&format!("Failed to kill unit {unit}: "))
        .unwrap_or(last)
        .trim_end_matches('.');
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    // One that is stopped is soon forgotten: then it is not loaded, either.
    let remedy = if has(&["not loaded", "No main process"]) {
        format!("is it running? `systemctl status {unit}` tells")
    } else if has(&["Access denied", "authentication required"]) {
        "root may; others need a rule of polkit for org.freedesktop.systemd1.manage-units"
            .to_owned()
    } else if has(&["not been booted with systemd", "connect to"]) {
        NO_SYSTEMD.to_owned()
    } else {
        return why.to_owned();
    };
    format!("{why} ({remedy})")
}

/// As scenarios and settings have it.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Hangup => "hangup",
        Kind::User1 => "user1",
        Kind::User2 => "user2",
        Kind::Interrupt => "interrupt",
        Kind::Terminate => "terminate",
    }
}

fn native(kind: Kind) -> Signal {
    match kind {
        Kind::Hangup => Signal::SIGHUP,
        Kind::User1 => Signal::SIGUSR1,
        Kind::User2 => Signal::SIGUSR2,
        Kind::Interrupt => Signal::SIGINT,
        Kind::Terminate => Signal::SIGTERM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_says_comes_with_its_remedy() {
        for (said, told) in [
            // As systemd 247 to 262 say it.
            (
                "Failed to kill unit a.service: Unit a.service not loaded.",
                "Unit a.service not loaded (is it running? `systemctl status a.service` tells)",
            ),
            (
                "Failed to kill unit a.service: No main process to kill",
                "No main process to kill (is it running? `systemctl status a.service` tells)",
            ),
            (
                "Failed to kill unit a.service: Interactive authentication required.",
                "Interactive authentication required (root may; others need a rule of polkit for \
                 org.freedesktop.systemd1.manage-units)",
            ),
            (
                "Failed to kill unit a.service: Access denied",
                "Access denied (root may; others need a rule of polkit for \
                 org.freedesktop.systemd1.manage-units)",
            ),
            (
                "System has not been booted with systemd as init system (PID 1). Can't operate.\n\
                 Failed to connect to bus: Host is down",
                "Failed to connect to bus: Host is down (without a running systemd, grant a pidfile)",
            ),
            ("systemctl: something else", "systemctl: something else"),
            ("", "systemctl fails"),
        ] {
            assert_eq!(refusal("a.service", said), told);
        }
    }
}
