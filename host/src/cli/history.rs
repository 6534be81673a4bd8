//! `config-sync history`: the attempts at a reload, as the journal has them. Reads files alone, so
//! it works whether a host runs or not.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::ending;
use super::find_config::ConfigArgument;
use super::find_state::StateArgument;
use super::page::{plain_letter, print, time};
use crate::memory::{self, Begun, Entry, JournalLine};
use crate::reload::{Record, Trigger};

/// One screen.
const SHOWN: usize = 20;
/// Of a row's last column.
const WIDTH: usize = 100;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, flatten_help = true)]
pub(super) struct History {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One attempt with its differences and the time of each phase
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct List {
    /// How many, counted from the newest
    #[arg(value_name = "N", default_value_t = SHOWN)]
    count: usize,
    #[command(flatten)]
    from: From,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Its number, as the list has it
    id: u64,
    #[command(flatten)]
    from: From,
}

#[derive(Debug, clap::Args)]
struct From {
    /// One JSON object a line, with everything that is kept
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    state: StateArgument,
}

impl History {
    pub(super) fn run(&self) -> ExitCode {
        let text = match &self.command {
            Some(Command::Show(show)) => show.text(),
            None => self.list.text(),
        };
        // Whoever reads may have read enough: `history | head`.
        ending::done(text.map(|text| {
            print(&text);
            true
        }))
    }
}

impl From {
    fn attempts(&self) -> Result<Vec<JournalLine>, String> {
        let (path, root) = (self.config.find()?, self.state.must_find()?);
        let history = memory::history(&root, &path).map_err(|error| error.to_string())?;
        if history.damaged > 0 {
            let count = history.damaged;
            eprintln!(
                "config-sync: {count} damaged lines are passed over; the next start of the host sets them aside"
            );
        }
        if history.attempts.is_empty() {
            let (file, place) = (path.display(), root.display());
            eprintln!("config-sync: nothing is kept of {file} in {place}: no host has followed it");
        }
        Ok(history.attempts)
    }
}

impl List {
    fn text(&self) -> Result<String, String> {
        let attempts = self.from.attempts()?;
        let shown = &attempts[attempts.len().saturating_sub(self.count)..];
        if self.from.json {
            return lines(shown);
        }
        Ok(table(shown))
    }
}

impl Show {
    fn text(&self) -> Result<String, String> {
        let attempts = self.from.attempts()?;
        let attempt = attempts.iter().find(|attempt| attempt.id() == self.id);
        let attempt = attempt.ok_or_else(|| match (attempts.first(), attempts.last()) {
            (Some(first), Some(last)) => format!(
                "attempt {} is not kept; there are {} to {}",
                self.id,
                first.id(),
                last.id()
            ),
            _ => format!("attempt {} is not kept", self.id),
        })?;
        if self.from.json {
            return lines(std::slice::from_ref(attempt));
        }
        Ok(match attempt {
            JournalLine::Ended(entry) => whole(entry),
            JournalLine::Begun(begun) => unfinished(begun),
        })
    }
}

fn lines(attempts: &[JournalLine]) -> Result<String, String> {
    let lines: Result<Vec<_>, _> = attempts.iter().map(serde_json::to_string).collect();
    let mut text = lines.map_err(|error| error.to_string())?.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(text)
}

fn table(attempts: &[JournalLine]) -> String {
    let mut text = String::new();
    if !attempts.is_empty() {
        row(
            &mut text,
            ["ID", "TIME", "TRIGGER", "OUTCOME", "GEN", "WHAT"],
        );
    }
    for attempt in attempts {
        let id = attempt.id().to_string();
        match attempt {
            JournalLine::Ended(entry) => {
                let record = &entry.record;
                let columns = [
                    id.as_str(),
                    &time(&record.started),
                    &trigger(record),
                    record.outcome.as_str(),
                    &record.generation.to_string(),
                    &what(entry),
                ];
                row(&mut text, columns);
            }
            JournalLine::Begun(begun) => {
                let what = "it runs still, or the host was killed";
                let columns = [
                    id.as_str(),
                    &time(&begun.begun),
                    begun.trigger.as_str(),
                    "unfinished",
                    "",
                    what,
                ];
                row(&mut text, columns);
            }
        }
    }
    text
}

fn row(text: &mut String, [id, time, trigger, outcome, generation, what]: [&str; 6]) {
    let line =
        format!("{id:>5}  {time:<19}  {trigger:<16}  {outcome:<10}  {generation:>4}  {what}");
    text.push_str(line.trim_end());
    text.push('\n');
}

/// The column that says what it was about, in one line.
fn what(entry: &Entry) -> String {
    let record = &entry.record;
    let mut what = match record.reasons.split_first() {
        Some((first, [])) => first.clone(),
        Some((first, rest)) => format!("{first} (and {} more)", rest.len()),
        None if record.differences.is_empty() => match record.backends_started.len() {
            0 => "no difference".to_owned(),
            count => format!("no difference, started {count}"),
        },
        None => {
            let all: Vec<_> = record.differences.iter().map(ToString::to_string).collect();
            all.join(", ")
        }
    };
    if entry.tries > 1 {
        what = format!("try {}: {what}", entry.tries);
    }
    let mut shown: String = what.chars().map(plain_letter).take(WIDTH).collect();
    if what.chars().nth(WIDTH).is_some() {
        shown.push('…');
    }
    shown
}

fn whole(entry: &Entry) -> String {
    let record = &entry.record;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let value: String = value.chars().map(plain_letter).collect();
        let _ = writeln!(text, "{name:<10} {value}");
    };
    line("attempt", &entry.id.to_string());
    line("time", &record.started);
    line("trigger", &trigger(record));
    line("writer", record.writer.as_deref().unwrap_or("unknown"));
    let outcome = record.outcome.as_str();
    line(
        "outcome",
        &match entry.tries {
            1 => outcome.to_owned(),
            tries => format!("{outcome}, try {tries} in a row"),
        },
    );
    line("generation", &record.generation.to_string());
    let digests = &record.digests;
    for (name, digest) in [
        ("seen", &digests.seen),
        ("applied", &digests.applied),
        ("rejected", &digests.rejected),
    ] {
        if let Some(digest) = digest {
            line(name, digest);
        }
    }
    for (name, backends) in [
        ("started", &record.backends_started),
        ("stopped", &record.backends_stopped),
    ] {
        if !backends.is_empty() {
            line(name, &backends.join(", "));
        }
    }
    for reason in &record.reasons {
        line("reason", reason);
    }
    for difference in &record.differences {
        line("difference", &difference.with_values());
    }
    if entry.left_out > 0 {
        line(
            "",
            &format!("and {} more that are not kept", entry.left_out),
        );
    }
    for phase in &record.phases {
        line(
            "phase",
            &format!("{:<9} {:>10.3} ms", phase.phase.to_string(), phase.ms),
        );
    }
    text
}

fn unfinished(begun: &Begun) -> String {
    format!(
        "{:<10} {}\n{:<10} {}\n{:<10} {}\n{:<10} unfinished: it runs still, or the host was killed\n",
        "attempt", begun.id, "time", begun.begun, "trigger", begun.trigger, "outcome"
    )
}

/// Why it began; for the watcher, by which strategy.
fn trigger(record: &Record) -> String {
    match (&record.trigger, &record.detector) {
        (Trigger::Detector, Some(detector)) => format!("detector {detector}"),
        (trigger, _) => trigger.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: serde_json::Value) -> JournalLine {
        serde_json::from_value(json).unwrap()
    }

    fn attempts() -> Vec<JournalLine> {
        let applied = serde_json::json!({
            "id": 1, "started": "2026-11-24T08:14:02.250+01:00", "trigger": "detector",
            "detector": "mtime", "writer": "ann (uid 1000) owns it",
            "phases": [{"phase": "read", "ms": 0.25}, {"phase": "build", "ms": 12.5}],
            "digests": {"seen": "aa", "applied": "aa"}, "outcome": "applied", "generation": 2,
            "differences": [{"kind": "changed", "path": "backends.web.url",
                             "before": "\"http://a\"", "after": "\"http://b\""},
                            {"kind": "added", "path": "backends.github"}],
            "backends_started": ["github", "web"], "backends_stopped": ["web"],
        });
        let rejected = serde_json::json!({
            "id": 2, "tries": 3, "started": "2026-11-24T08:15:00.000+01:00", "trigger": "retry",
            "phases": [], "digests": {}, "outcome": "failed", "generation": 2,
            "reasons": ["first\u{1b}[31m", "second"],
        });
        let begun = serde_json::json!({"id": 3, "begun": "2026-11-24T08:16:00.000+01:00", "trigger": "hangup"});
        vec![entry(applied), entry(rejected), entry(begun)]
    }

    #[test]
    fn the_table_has_a_line_for_each() {
        let expected = "
   ID  TIME                 TRIGGER           OUTCOME      GEN  WHAT
    1  2026-11-24 08:14:02  detector mtime    applied        2  ~ backends.web.url, + backends.github
    2  2026-11-24 08:15:00  retry             failed         2  try 3: first [31m (and 1 more)
    3  2026-11-24 08:16:00  hangup            unfinished        it runs still, or the host was killed
";
        assert_eq!(table(&attempts()), expected.trim_start_matches('\n'));
    }

    #[test]
    fn one_attempt_is_shown_whole() {
        let JournalLine::Ended(entry) = &attempts()[0] else {
            panic!();
        };
        let expected = "\
attempt    1
time       2026-11-24T08:14:02.250+01:00
trigger    detector mtime
writer     ann (uid 1000) owns it
outcome    applied
generation 2
seen       aa
applied    aa
started    github, web
stopped    web
difference ~ backends.web.url: \"http://a\" -> \"http://b\"
difference + backends.github
phase      read           0.250 ms
phase      build         12.500 ms
";
        assert_eq!(whole(entry), expected);
    }

    #[test]
    fn json_is_what_the_journal_has() {
        let text = lines(&attempts()).unwrap();
        let back: Vec<JournalLine> = text
            .lines()
            .map(|it| serde_json::from_str(it).unwrap())
            .collect();
        assert_eq!(back, attempts());
    }
}
