//! `config-sync events`: what the host has told last, and with `--follow` whatever it tells next.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use serde::Deserialize;

use super::ending::{self, Failure};
use super::find_host::HostArgument;
use super::page::{plain, print};
use crate::events::{EventKind, SyncEvent};
use crate::manage::Told;

/// How many are shown before those that follow.
const BEFORE: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Events {
    #[command(flatten)]
    host: HostArgument,
    /// Go on with whatever happens, until the host ends (exit code 3) or you end it
    #[arg(long, short)]
    follow: bool,
    /// Write one JSON object a line
    #[arg(long)]
    json: bool,
    /// Only events of this type; may be given several times
    #[arg(long = "type", value_name = "TYPE", value_parser = kinds())]
    kinds: Vec<String>,
}

#[derive(Deserialize)]
struct Kept {
    events: Vec<SyncEvent>,
    last_id: String,
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(EventKind::ALL.map(EventKind::as_str))
}

impl Events {
    pub(super) async fn run(&self) -> ExitCode {
        match self.show().await {
            Ok(()) if self.follow => ExitCode::from(ending::NO_HOST),
            result => ending::told(result.map(|()| true)),
        }
    }

    async fn show(&self) -> Result<(), Failure> {
        let client = self.host.find().await?;
        let query = match self.kinds.as_slice() {
            [] => String::new(),
            kinds => format!("?type={}", kinds.join(",")),
        };
        let Kept { events, last_id } = client.get(&format!("/events{query}")).await?;
        let shown = match self.follow {
            true => &events[events.len().saturating_sub(BEFORE)..],
            false => &events[..],
        };
        for event in shown {
            if !self.tell(event) {
                return Ok(());
            }
        }
        if !self.follow {
            return Ok(());
        }
        let mut following = client.follow(&query, Some(&last_id)).await?;
        while let Some(told) = following.next().await {
            match told {
                Told::Event(event) => {
                    if !self.tell(&event) {
                        return Ok(());
                    }
                }
                Told::Missed(count) => eprintln!(
                    "config-sync: {count} events are not shown: they came faster than they were read"
                ),
                Told::Restarted => eprintln!("config-sync: the host was started anew"),
            }
        }
        eprintln!("config-sync: the host has ended");
        Ok(())
    }

    /// False when nobody reads any more.
    fn tell(&self, event: &SyncEvent) -> bool {
        if self.json {
            // Texts and numbers: there is nothing in it that JSON could not hold.
            return print(&(serde_json::to_string(event).unwrap_or_default() + "\n"));
        }
        let (time, kind, generation) = (&event.time, event.kind.as_str(), event.generation);
        let details = plain(&event.details);
        print(&format!("{time}  {kind:<9}  {generation:>4}  {details}\n"))
    }
}
