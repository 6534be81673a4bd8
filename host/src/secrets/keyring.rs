//! The system's keyring, asked by the system's own command: `secret-tool` (libsecret) on Linux, where
//! there is a session that has one, and `security` on macOS. Never asked for longer than people
//! wait; one that is locked asks its user by itself, and answers the next time.

use std::env;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::LONGEST;

/// How long the keyring may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Under which service the secrets are kept there.
const SERVICE: &str = "config-sync";
/// Where programs of a session find its keyring (D-Bus specification, "Message Bus").
const SESSION: &str = "DBUS_SESSION_BUS_ADDRESS";

/// It did not answer in time.
#[derive(Debug, PartialEq)]
pub(super) struct Mute;

/// The secret of this name; `None` where there is none, or no keyring.
pub(super) fn look_up(name: &str) -> Result<Option<String>, Mute> {
    if cfg!(target_os = "macos") {
        let arguments = ["find-generic-password", "-s", SERVICE, "-a", name, "-w"];
        return in_place(|| ask("/usr/bin/security", &arguments, PATIENCE));
    }
    if env::var_os(SESSION).is_none() {
        return Ok(None);
    }
    let arguments = ["lookup", "service", SERVICE, "name", name];
    in_place(|| ask("secret-tool", &arguments, PATIENCE))
}

/// Waits on this very thread, which other tasks leave meanwhile if there are any.
fn in_place<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|it| it.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

/// What this command prints, without the line's end, if it succeeds in time.
fn ask(program: &str, arguments: &[&str], patience: Duration) -> Result<Option<String>, Mute> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return Ok(None);
    };
    let Some(output) = child.stdout.take() else {
        return Ok(None);
    };
    let (sender, read) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = output.take(LONGEST + 1).read_to_string(&mut text);
        // Nobody waits any more.
        let _ = sender.send(read.map(|_| text));
    });
    let text = read.recv_timeout(patience);
    if text.is_err() {
        tracing::warn!(program, "the system's keyring does not answer");
        // It has ended by itself, then.
        let _ = child.kill();
    }
    let succeeded = child.wait().is_ok_and(|ended| ended.success());
    let text = text.map_err(|_late| Mute)?;
    let secret = text.ok().filter(|_| succeeded).and_then(|text| {
        let secret = text.trim_end_matches(['\n', '\r']);
        let is_one = !secret.is_empty() && text.len() as u64 <= LONGEST && !secret.contains('\0');
        is_one.then(|| secret.to_owned())
    });
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(script: &str) -> Option<String> {
        ask("sh", &["-c", script], Duration::from_secs(20)).unwrap()
    }

    #[test]
    fn a_secret_is_what_the_command_prints_if_it_succeeds() {
        assert_eq!(
            said("echo ' of the keyring '"),
            Some(" of the keyring ".to_owned())
        );
        for script in [
            "echo x; exit 1",
            "exit 0",
            "printf 'a\\0b'",
            "yes | head -c 70000",
        ] {
            assert_eq!(said(script), None, "{script}");
        }
        assert_eq!(ask("no-such-command", &[], PATIENCE), Ok(None));
    }

    #[test]
    fn a_keyring_that_does_not_answer_is_not_waited_for() {
        assert_eq!(ask("sleep", &["600"], Duration::ZERO), Err(Mute));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_task_that_waits_holds_up_no_other() {
        let (sender, heard) = mpsc::channel();
        let waiting = tokio::spawn(async move {
            // It can be sent by a task that has its turn after this one alone.
            tokio::spawn(async move { sender.send(()) });
            in_place(|| heard.recv_timeout(Duration::from_secs(20)))
        });
        assert_eq!(waiting.await.unwrap(), Ok(()));
    }
}
