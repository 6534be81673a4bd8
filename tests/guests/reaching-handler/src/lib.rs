//! Reaches for what its section `reach` names, and says what it got as a problem: so the event of
//! the reload that it refuses tells how far it came.
//!
//! ```yaml
//! reach: {read: /srv/file}   # or list, write, remove, link, hoard: PATH; env: NAME; signal: WHOM; clock:; random:; stall:
//! ```

use config_sync_sdk::{
    Change, HandlerDescriptor, Problem, Proposal, ReloadHandler, Signal, Wanted, send_signal,
    settings, signal_targets,
};
use serde_json::Value;

/// The handler that reaches.
pub struct Reaching;

config_sync_sdk::export!(handler: Reaching);

impl ReloadHandler for Reaching {
    fn describe() -> HandlerDescriptor {
        HandlerDescriptor {
            summary: "reaches for what it is told to".into(),
            sections: vec!["reach".into()],
        }
    }

    fn propose(change: Change) -> Result<Proposal, Vec<Problem>> {
        let reached = match change.next.get("reach") {
            Some(Value::Object(reach)) => {
                let each = reach.iter().map(|(what, at)| {
                    let got = reach_for(what, at.as_str().unwrap_or_default());
                    Problem::error("reach", got.unwrap_or_else(|error| format!("no: {error}")))
                });
                each.collect()
            }
            _ => Vec::new(),
        };
        if !reached.is_empty() {
            return Err(reached);
        }
        Ok(Proposal {
            wanted: Wanted::Nothing,
            differences: Vec::new(),
        })
    }
}

fn reach_for(what: &str, at: &str) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    match what {
        "read" => std::fs::read_to_string(at)
            .map(|text| format!("it holds {text}"))
            .map_err(told),
        "list" => {
            let entries = std::fs::read_dir(at).map_err(told)?;
            let mut names = entries
                .map(|entry| {
                    Ok(entry
                        .map_err(told)?
                        .file_name()
                        .to_string_lossy()
                        .into_owned())
                })
                .collect::<Result<Vec<_>, String>>()?;
            names.sort();
            Ok(format!("it has {}", names.join(" ")))
        }
        "write" => std::fs::write(at, "written")
            .map(|()| "written".to_owned())
            .map_err(told),
        "remove" => std::fs::remove_file(at)
            .map(|()| "removed".to_owned())
            .map_err(told),
        "link" => std::fs::hard_link(at, format!("{at}.link"))
            .map(|()| "linked".to_owned())
            .map_err(told),
        "env" => {
            let mut names: Vec<_> = std::env::vars().map(|(name, _)| name).collect();
            names.sort();
            Ok(format!(
                "{at}={:?} of {}",
                std::env::var(at).ok(),
                names.join(" ")
            ))
        }
        "signal" => send_signal(at, Signal::User1)
            .map(|()| format!("sent, of {}", signal_targets().join(" "))),
        "clock" => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now = now.map_err(|error| error.to_string())?.as_secs();
            Ok(format!("it is {now}"))
        }
        "random" => {
            let drawn = || wasip2::random::random::get_random_u64();
            Ok(format!("it drew {:016x}{:016x}", drawn(), drawn()))
        }
        "hoard" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(std::fs::File::open(at).map_err(told)?);
            }
        }
        "stall" => stall(),
        "settings" => Ok(format!("they are {}", Value::Object(settings()))),
        other => Err(format!("it knows no {other}")),
    }
}

/// Writes a body that nobody takes, since it is of no request that is sent.
fn stall() -> Result<String, String> {
    use wasip2::http::types::{Fields, OutgoingRequest};

    let request = OutgoingRequest::new(Fields::new());
    let body = request.body().map_err(|()| "no body")?;
    let stream = body.write().map_err(|()| "no stream")?;
    loop {
        let written = stream.blocking_write_and_flush(&[0; 4096]);
        written.map_err(|error| error.to_string())?;
    }
}
