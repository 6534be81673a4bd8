//! `config-sync status`: a page that answers whether the host is live, what serves, what is on
//! disk and whether it is the same, how the last reload ended and why, and what is wrong.

use std::process::ExitCode;

use super::ending::{self, Failure};
use super::find_host::HostArgument;
use super::page::{count, plain, print, print_json, time};
use crate::manage::{Detection, Serves, Status as Answer, Watching};

#[derive(Debug, clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    host: HostArgument,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
}

/// Hex digits of a digest that people compare by.
const SHORT: usize = 8;

impl Status {
    pub(super) async fn run(&self) -> ExitCode {
        ending::told(self.show().await)
    }

    /// Whether all is well.
    async fn show(&self) -> Result<bool, Failure> {
        let status: Answer = self.host.find().await?.get("/status").await?;
        if self.json {
            print_json(&status)?;
        } else {
            print(&page(&status));
        }
        Ok(status.is_well())
    }
}

fn page(status: &Answer) -> String {
    let mut page = Page::default();
    page.row("file", &status.config);
    page.row("state", &state(status));
    page.row(
        "host",
        &format!(
            "config-sync {}, process {}, since {}",
            status.version,
            status.process,
            time(&status.started)
        ),
    );
    if let Some(management) = &status.management {
        page.row(
            "api",
            &format!("http://{management}/manage/v1, and a socket"),
        );
    }
    page.row("serves", &serves(status));
    page.row("on disk", &on_disk(status));
    if let Some(last) = &status.last_reload {
        let (outcome, ended, trigger) = (&last.outcome, time(&last.ended), &last.trigger);
        page.row(
            "last reload",
            &format!("{outcome} at {ended}, by {trigger}"),
        );
        let shown = last.reasons.iter();
        shown.for_each(|reason| page.row("", reason));
    }
    if let Some(trigger) = &status.reloading {
        page.row("reloading", &format!("now, by {trigger}"));
    }
    if let Some(seconds) = status.retry_in {
        page.row("next try", &format!("in {seconds:.0} s"));
    }
    if let Some(seconds) = status.settles_in {
        page.row("changed", &format!("looked at again in {seconds:.1} s"));
    }
    page.row("watching", &watching(status));
    let mut title = "backends";
    for backend in &status.backends {
        let (name, word) = (&backend.name, backend.word());
        let process = backend.process;
        let process = process.map_or_else(String::new, |it| format!(" (process {it})"));
        // That all is well needs no more words.
        let more = match word {
            "serving" => count(backend.tools, "tool"),
            _ => format!("since {}", time(&backend.since)),
        };
        page.row(title, &format!("{name}: {word}{process}, {more}"));
        title = "";
    }
    let mut title = "troubles";
    for trouble in &status.troubles {
        page.row(title, trouble);
        title = "";
    }
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn row(&mut self, title: &str, text: &str) {
        let line = format!("{title:<12} {}", plain(text));
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }
}

/// The one line that most people look for.
fn state(status: &Answer) -> String {
    let watching = match status.watching {
        _ if status.state != "running" => return status.state.clone(),
        Watching::On if status.is_well() => return "live, all is well".to_owned(),
        Watching::On => "live",
        Watching::NotYet => "not watching yet",
        Watching::Paused => "paused: edits are not followed",
        Watching::Stopped => "stopped: edits are not followed",
        Watching::Off => "not watching: edits are not followed",
    };
    match status.troubles.len() {
        0 => watching.to_owned(),
        troubles => format!("{watching}; {}, see below", count(troubles, "trouble")),
    }
}

fn serves(status: &Answer) -> String {
    let Some(Serves {
        generation,
        digest,
        tools,
        prompts,
        resources,
        clients,
    }) = &status.serves
    else {
        return "nothing yet".to_owned();
    };
    let at = status.address.as_ref();
    let at = at.map_or_else(String::new, |at| format!(" at http://{at}/mcp"));
    format!(
        "generation {generation} ({}), {}, {}, {}, to {}{at}",
        short(digest),
        count(*tools, "tool"),
        count(*prompts, "prompt"),
        count(*resources, "resource"),
        count(*clients, "client"),
    )
}

fn on_disk(status: &Answer) -> String {
    match (&status.on_disk.digest, &status.on_disk.error) {
        (_, Some(error)) => error.clone(),
        (Some(digest), None) if status.on_disk.same => format!("{}, the same", short(digest)),
        (Some(digest), None) => format!("{}, NOT what serves", short(digest)),
        (None, None) => "unknown".to_owned(),
    }
}

fn watching(status: &Answer) -> String {
    let Some(Detection {
        detector,
        by,
        degraded,
        since,
        ..
    }) = &status.detection
    else {
        return "not yet".to_owned();
    };
    if status.watching != Watching::On {
        return "nobody looks".to_owned();
    }
    let deaf = match degraded {
        Some(_) => ", for events cannot be trusted",
        None => "",
    };
    format!("`{detector}` by {by}{deaf}, since {}", time(since))
}

fn short(digest: &str) -> &str {
    digest.get(..SHORT).unwrap_or(digest)
}
