use Capability::{Prompt, Resource, ResourceTemplate, Tool};
use config_sync_sdk::testing::sections;
use serde_json::{Value, json};

use super::*;

fn offer(backend: &str, kind: Capability, name: &str) -> Offer {
    Offer {
        backend: backend.into(),
        kind,
        name: name.into(),
        description: Some("its own".into()),
    }
}

/// Two backends that both have the tool `get`.
fn two() -> Vec<Offer> {
    vec![
        offer("web", Tool, "get"),
        offer("web", Tool, "put"),
        offer("files", Tool, "get"),
    ]
}

fn composed(config: Value, offers: Vec<Offer>) -> Result<Catalog, Vec<Problem>> {
    compose(&Policy::read(&sections(config)).unwrap(), offers)
}

/// Each entry as "backend name -> shown".
fn catalog(config: Value, offers: Vec<Offer>) -> Vec<String> {
    let entries = composed(config, offers).unwrap().entries;
    entries
        .iter()
        .map(|it| format!("{} {} -> {}", it.backend, it.name, it.shown_as))
        .collect()
}

fn by(strategy: &str) -> Value {
    json!({ "conflict_resolution": { "strategy": strategy } })
}

#[test]
fn first_wins_unless_something_else_is_written() {
    let catalog = composed(json!({}), two()).unwrap();
    let names: Vec<_> = catalog
        .entries
        .iter()
        .map(|it| (&*it.backend, &*it.shown_as))
        .collect();
    assert_eq!(names, [("web", "get"), ("web", "put")]);
    assert_eq!(
        catalog.warnings,
        ["tool `get` of `files` is hidden: tool `get` of `web` is already shown as `get`"]
    );
}

#[test]
fn kinds_do_not_conflict() {
    let offers = [Tool, Prompt, Resource, ResourceTemplate].map(|kind| offer("web", kind, "x"));
    assert_eq!(catalog(by("error"), offers.to_vec()).len(), 4);
}

#[test]
fn a_prefix_goes_before_every_tool_and_prompt() {
    let mut offers = two();
    offers.push(offer("files", Prompt, "sum"));
    assert_eq!(
        catalog(by("prefix"), offers),
        [
            "web get -> web_get",
            "web put -> web_put",
            "files get -> files_get",
            "files sum -> files_sum"
        ]
    );
    let dotted = json!({ "conflict_resolution": { "strategy": "prefix", "separator": "." } });
    assert_eq!(catalog(dotted, two())[0], "web get -> web.get");
}

#[test]
fn a_prefix_leaves_uris_alone_and_the_first_wins_among_equal_ones() {
    let offers = vec![
        offer("web", Resource, "a://x"),
        offer("files", Resource, "a://x"),
        offer("files", ResourceTemplate, "a://{x}"),
    ];
    assert_eq!(
        catalog(by("prefix"), offers),
        ["web a://x -> a://x", "files a://{x} -> a://{x}"]
    );
}

#[test]
fn names_that_only_their_prefix_makes_equal_conflict_too() {
    let offers = vec![offer("a", Tool, "b_c"), offer("a_b", Tool, "c")];
    assert_eq!(catalog(by("prefix"), offers), ["a b_c -> a_b_c"]);
}

#[test]
fn priority_ranks_what_is_in_order_before_the_rest() {
    let by_priority = |order: &[&str]| {
        let config = json!({ "conflict_resolution": { "strategy": "priority", "order": order } });
        let offers = ["a", "b", "c"].map(|backend| offer(backend, Tool, "get"));
        catalog(config, offers.to_vec())
    };
    assert_eq!(by_priority(&["c", "b"]), ["c get -> get"]);
    assert_eq!(by_priority(&["nobody", "b"]), ["b get -> get"]);
    assert_eq!(by_priority(&[]), ["a get -> get"]);
}

#[test]
fn under_error_every_conflict_is_a_problem_with_both_backends() {
    let mut offers = two();
    offers.push(offer("files", Tool, "put"));
    let problems = composed(by("error"), offers).unwrap_err();
    assert_eq!(problems.len(), 2);
    assert_eq!(problems[0].path, "conflict_resolution.strategy");
    assert_eq!(
        problems[0].message,
        "tool `get` of `web` and tool `get` of `files` would both be shown as `get`"
    );
    assert!(
        problems[0]
            .help
            .as_ref()
            .unwrap()
            .contains("tool_overrides")
    );
}

#[test]
fn a_filter_goes_by_the_backends_own_names() {
    let config = json!({ "backends": { "web": {
        "filters": { "tools": { "deny": ["g*"] }, "resources": { "allow": ["file://*"] } },
        "tool_overrides": { "put": { "name": "get" } },
    } } });
    let mut offers = two();
    offers.push(offer("web", Resource, "file:///a/b.txt"));
    offers.push(offer("web", ResourceTemplate, "http://{host}"));
    offers.push(offer("web", Prompt, "greet"));
    assert_eq!(
        catalog(config, offers),
        [
            "web put -> get",
            "web file:///a/b.txt -> file:///a/b.txt",
            "web greet -> greet"
        ]
    );
}

#[test]
fn a_hidden_tool_conflicts_with_nothing() {
    let config = json!({
        "backends": { "web": { "filters": { "tools": { "deny": ["get"] } } } },
        "conflict_resolution": { "strategy": "error" },
    });
    assert_eq!(
        catalog(config, two()),
        ["web put -> put", "files get -> get"]
    );
}

#[test]
fn an_override_names_and_describes_tools_only() {
    let config = json!({ "backends": { "web": { "tool_overrides": {
        "get": { "name": "fetch", "description": "a page" },
    } } } });
    let offers = vec![offer("web", Tool, "get"), offer("web", Prompt, "get")];
    let entries = composed(config, offers).unwrap().entries;
    assert_eq!(
        (&*entries[0].shown_as, entries[0].description.as_deref()),
        ("fetch", Some("a page"))
    );
    assert_eq!(
        (&*entries[1].shown_as, entries[1].description.as_deref()),
        ("get", None)
    );
}

#[test]
fn two_tools_may_swap_their_names() {
    let config = json!({
        "backends": { "web": { "tool_overrides": {
            "get": { "name": "put" },
            "put": { "name": "get" },
        } } },
        "conflict_resolution": { "strategy": "error" },
    });
    let offers = vec![offer("web", Tool, "get"), offer("web", Tool, "put")];
    assert_eq!(
        catalog(config, offers),
        ["web get -> put", "web put -> get"]
    );
}

#[test]
fn two_tools_of_one_backend_under_one_name_are_a_conflict() {
    let config = |strategy| {
        json!({
            "backends": { "web": { "tool_overrides": { "put": { "name": "get" } } } },
            "conflict_resolution": { "strategy": strategy },
        })
    };
    let offers = vec![offer("web", Tool, "get"), offer("web", Tool, "put")];
    assert_eq!(
        catalog(config("first-wins"), offers.clone()),
        ["web get -> get"]
    );
    assert!(composed(config("error"), offers).is_err());
}

#[test]
fn a_tool_offered_twice_is_shown_once_whatever_the_strategy() {
    let catalog = composed(
        by("error"),
        vec![offer("web", Tool, "get"), offer("web", Tool, "get")],
    )
    .unwrap();
    assert_eq!(catalog.entries.len(), 1);
    assert_eq!(catalog.warnings, ["tool `get` is offered twice by `web`"]);
}

#[test]
fn an_override_of_a_tool_that_is_not_offered_is_told() {
    let config = json!({ "backends": { "web": { "tool_overrides": { "gte": { "name": "x" } } } } });
    assert_eq!(
        composed(config, vec![offer("web", Tool, "get")])
            .unwrap()
            .warnings,
        ["backends.web.tool_overrides.gte: `web` offers no such tool"]
    );
}

#[test]
fn a_backend_that_offers_nothing_has_no_vain_overrides() {
    let config = json!({ "backends": { "off": { "tool_overrides": { "get": { "name": "x" } } } } });
    let catalog = composed(config, two()).unwrap();
    assert!(
        !catalog
            .warnings
            .iter()
            .any(|warning| warning.contains("off"))
    );
}

#[test]
fn an_offer_of_an_unknown_backend_is_shown_as_it_is() {
    assert_eq!(
        catalog(json!({}), vec![offer("x", Tool, "get")]),
        ["x get -> get"]
    );
}
