//! Tells an HTTP server of each reload, by one POST. What it may reach stands in `webhook.yaml`
//! beside `webhook.wasm`.
//!
//! ```yaml
//! grants: {http: [hooks.example.com], env: [HOOK_TOKEN]}
//! settings:
//!   url: https://hooks.example.com/config-sync
//!   after: [applied, rejected, failed, reverted]   # without it, [applied]
//!   token_from: HOOK_TOKEN                         # sent as `Authorization: Bearer`
//! ```
//!
//! The body is `{"text": "config-sync: generation 7 applied", "generation": 7, "outcome":
//! "applied"}`. Whoever answers with another status than 2xx, or not at all within `limits.time`,
//! is told of as a fault of this plugin; nothing is sent twice, and the reload stands. The start of a
//! host is a reload, too.

mod post;

use config_sync_sdk::{
    Change, HandlerDescriptor, Outcome, Problem, Proposal, ReloadHandler, Sections, Wanted,
    settings,
};
use serde::Deserialize;
use serde_json::json;

use post::{Place, post};

/// The handler `webhook`.
pub struct Webhook;

config_sync_sdk::export!(handler: Webhook);

/// What its settings say.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Orders {
    url: String,
    #[serde(default = "when_applied")]
    after: Vec<Outcome>,
    /// A variable of the environment: settings reach a plugin with `${VAR}` as it was written.
    token_from: Option<String>,
}

fn when_applied() -> Vec<Outcome> {
    vec![Outcome::Applied]
}

impl ReloadHandler for Webhook {
    fn describe() -> HandlerDescriptor {
        HandlerDescriptor {
            summary: "tells an HTTP server of reloads".into(),
            sections: Vec::new(),
        }
    }

    /// Refuses settings that make no sense before anything is built on them.
    fn propose(_change: Change) -> Result<Proposal, Vec<Problem>> {
        Orders::read(settings()).map_err(|wrong| vec![Problem::error("", wrong)])?;
        Ok(Proposal {
            wanted: Wanted::Nothing,
            differences: Vec::new(),
        })
    }

    fn finished(generation: u64, outcome: Outcome) -> Result<(), String> {
        let (orders, place) = Orders::read(settings())?;
        if !orders.after.contains(&outcome) {
            return Ok(());
        }
        let word = word(outcome);
        let body = json!({
            "text": format!("config-sync: generation {generation} {word}"),
            "generation": generation,
            "outcome": word,
        });
        let body = body.to_string();
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("content-length", body.len().to_string()),
        ];
        if let Some(name) = &orders.token_from {
            let token = std::env::var(name)
                .map_err(|_| format!("the variable {name} is not there, or not in grants.env"))?;
            headers.push(("authorization", format!("Bearer {token}")));
        }
        let status = post(&place, &headers, body.as_bytes())?;
        match status {
            200..300 => Ok(()),
            status => Err(format!("{} answers {status}", place.host())),
        }
    }
}

impl Orders {
    fn read(settings: Sections) -> Result<(Self, Place), String> {
        let orders: Self = serde_json::from_value(settings.into())
            .map_err(|error| format!("the settings of this handler: {error}"))?;
        let place = Place::parse(&orders.url)?;
        Ok((orders, place))
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::Rejected => "rejected",
        Outcome::Failed => "failed",
        Outcome::Reverted => "reverted",
    }
}

#[cfg(test)]
mod tests {
    use config_sync_sdk::testing::sections;
    use serde_json::Value;

    use super::*;

    fn read(settings: Value) -> Result<Orders, String> {
        Orders::read(sections(settings)).map(|(orders, _)| orders)
    }

    #[test]
    fn a_url_is_enough() {
        let orders = read(json!({ "url": "https://hooks.example.com" })).unwrap();
        assert_eq!(orders.after, [Outcome::Applied]);
        assert_eq!(orders.token_from, None);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for (settings, told) in [
            (json!({}), "missing field `url`"),
            (
                json!({ "url": "hooks.example.com" }),
                "begins with https:// or http://",
            ),
            (
                json!({ "url": "https://a", "retries": 3 }),
                "unknown field `retries`",
            ),
        ] {
            let wrong = read(settings).unwrap_err();
            assert!(wrong.contains(told), "{wrong}");
        }
    }
}
