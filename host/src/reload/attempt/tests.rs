//! The transaction with handlers that do as they are told, on a real gateway without backends:
//! whatever fails, what serves is exactly what served.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::only_mtime::OnlyMtime;
use super::super::{Change, Ending, Proposal, ReloadHandler};
use super::super::{Proposed, Refused};
use super::*;
use crate::config::Problem;
use crate::events::{EventBus, Fault, FaultKind};
use crate::gateway::{Capability, Entry, NoPlugins, Offer};

const FILE: &str = "version: '1'\nserver: {port: 0}\nbackends: {}\n";

/// What the handler does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Sin {
    None,
    TrapInPropose,
    RefuseInPropose,
    BackendThatIsNone,
    BackendThatDoesNotStart,
    TrapInCompose,
    RefuseInCompose,
    CatalogThatLeadsAstray,
}

struct Told {
    sin: Sin,
    sections: Vec<String>,
}

fn trap(call: &'static str) -> Refused {
    Refused::Fault(Fault {
        plugin: "told".to_owned(),
        call,
        kind: FaultKind::Trap,
        message: "on purpose".to_owned(),
    })
}

fn refuse() -> Refused {
    Refused::Problems(vec![
        Problem::error("backends", "no").help("write something else"),
    ])
}

impl ReloadHandler for Told {
    fn name(&self) -> &str {
        "told"
    }
    fn sections(&self) -> &[String] {
        &self.sections
    }
    fn propose(&mut self, _change: &Change) -> Result<Proposal, Refused> {
        let backend = |spec| Proposed::Backends(vec![("a".to_owned(), spec)]);
        let wanted = match self.sin {
            Sin::TrapInPropose => return Err(trap("propose")),
            Sin::RefuseInPropose => return Err(refuse()),
            Sin::BackendThatIsNone => backend(json!({"comand": "x"})),
            Sin::BackendThatDoesNotStart => backend(json!({"command": "/nowhere/at-all"})),
            _ => Proposed::Nothing,
        };
        Ok(Proposal {
            wanted,
            differences: Vec::new(),
        })
    }
    fn compose(&mut self, _next: &Value, _offers: &[Offer]) -> Result<Option<Vec<Entry>>, Refused> {
        match self.sin {
            Sin::TrapInCompose => Err(trap("compose")),
            Sin::RefuseInCompose => Err(refuse()),
            Sin::CatalogThatLeadsAstray => Ok(Some(vec![Entry {
                backend: "nobody".to_owned(),
                kind: Capability::Tool,
                name: "x".to_owned(),
                shown_as: "x".to_owned(),
                description: None,
            }])),
            _ => Ok(None),
        }
    }
    fn finished(&mut self, _generation: u64, _ending: Ending) -> Result<(), Fault> {
        Ok(())
    }
}

/// Attempts this text on a gateway where `applied` serves.
async fn attempt(
    gateway: &Arc<Gateway>,
    sin: Sin,
    applied: Option<&Applied>,
    text: &str,
) -> (Outcome, Option<Applied>) {
    let told = Told {
        sin,
        sections: vec!["backends".to_owned()],
    };
    let handlers = Handlers::new(vec![Box::new(told)]);
    let attempt = Attempt {
        anew: false,
        renew: false,
        secrets: Arc::default(),
        source: "config.yaml",
        gateway,
        handlers: &handlers,
        detectors: &OnlyMtime,
        others: None,
        applied,
        warm: None,
    };
    let mut course = Course::begin();
    let ended = attempt
        .run(
            text.as_bytes().into(),
            Digest::of(text.as_bytes()),
            &mut course,
        )
        .await;
    (ended.outcome, ended.applied)
}

/// A gateway that serves [`FILE`].
async fn serving() -> (Arc<Gateway>, Applied) {
    let (gateway, _notices) =
        Gateway::new(PathBuf::from("/"), Arc::new(NoPlugins), EventBus::default());
    let (outcome, applied) = attempt(&gateway, Sin::None, None, FILE).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    (gateway, applied.unwrap())
}

#[tokio::test]
async fn whatever_fails_before_the_swap_leaves_what_serves_alone() {
    let next = FILE.replace("{}\n", "{b: {command: x}}\n");
    let cases = [
        (
            Sin::TrapInPropose,
            next.as_str(),
            "plugin `told` trapped in `propose`: on purpose",
        ),
        (
            Sin::RefuseInPropose,
            &next,
            "config.yaml:3:1: backends: no; write something else",
        ),
        (Sin::BackendThatIsNone, &next, "config.yaml:3:1: backends.a"),
        (
            Sin::BackendThatDoesNotStart,
            &next,
            "it does not start: the command `/nowhere/at-all` does not exist",
        ),
        (
            Sin::TrapInCompose,
            &next,
            "plugin `told` trapped in `compose`: on purpose",
        ),
        (
            Sin::RefuseInCompose,
            &next,
            "config.yaml:3:1: backends: no; write something else",
        ),
        (
            Sin::CatalogThatLeadsAstray,
            &next,
            "leads astray: `nobody` offers no tool `x`",
        ),
        (
            Sin::None,
            "version: '1'\nserver: {port: x}\n",
            "config.yaml:2:16: server.port",
        ),
        (
            Sin::None,
            "version: '1'\nsync: {detection: nose}\n",
            "there is no detector `nose`; known are mtime",
        ),
        (Sin::None, "{", "config.yaml:1:1: "),
    ];
    for (sin, text, expected) in cases {
        let (gateway, applied) = serving().await;
        let before = gateway.current();
        let (outcome, next) = attempt(&gateway, sin, Some(&applied), text).await;
        let (Outcome::Rejected(lines) | Outcome::Failed(lines)) = outcome else {
            panic!("{text}: {outcome:?}")
        };
        assert!(lines[0].contains(expected), "{lines:?} lacks {expected}");
        assert!(next.is_none());
        assert!(
            Arc::ptr_eq(&before, &gateway.current()),
            "{expected}: the very same snapshot serves"
        );
    }
}

#[tokio::test]
async fn a_world_that_fails_is_told_from_a_file_that_is_wrong() {
    let (gateway, applied) = serving().await;
    let next = FILE.replace("{}\n", "{b: {command: x}}\n");
    for (sin, failed) in [
        (Sin::BackendThatDoesNotStart, true),
        (Sin::TrapInPropose, true),
        (Sin::RefuseInCompose, false),
        (Sin::BackendThatIsNone, false),
    ] {
        let (outcome, _) = attempt(&gateway, sin, Some(&applied), &next).await;
        assert_eq!(matches!(outcome, Outcome::Failed(_)), failed, "{outcome:?}");
        assert_eq!(
            matches!(outcome, Outcome::Rejected(_)),
            !failed,
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn comments_and_an_empty_file_change_nothing() {
    let (gateway, applied) = serving().await;
    let (outcome, next) = attempt(
        &gateway,
        Sin::None,
        Some(&applied),
        &format!("# new\n{FILE}"),
    )
    .await;
    assert!(matches!(outcome, Outcome::Unchanged(_)), "{outcome:?}");
    assert_eq!(
        next.unwrap().digest,
        Digest::of(format!("# new\n{FILE}").as_bytes()),
        "these bytes serve now"
    );
    for nothing in ["", "\n \n", "# all gone\n"] {
        let (outcome, next) = attempt(&gateway, Sin::None, Some(&applied), nothing).await;
        assert!(matches!(outcome, Outcome::Unchanged(_)), "{outcome:?}");
        assert!(next.is_none());
    }
    assert_eq!(gateway.current().generation, 1);
}

#[tokio::test]
async fn a_port_in_use_is_told_and_the_old_one_serves_on() {
    let (gateway, applied) = serving().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let before = gateway.address();
    let text = FILE.replace("port: 0", &format!("port: {port}"));
    let (outcome, _) = attempt(&gateway, Sin::None, Some(&applied), &text).await;
    let Outcome::Failed(lines) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        lines[0].starts_with("config.yaml:2:16: server.port: cannot listen on 127.0.0.1"),
        "{lines:?}"
    );
    assert_eq!(gateway.address(), before);
}
