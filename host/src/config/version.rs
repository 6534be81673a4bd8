//! `version`: which shape of config.yaml this is. There is one so far.

use super::node::Kind;
use super::problem::Problem;
use super::reader::{Findings, MapReader};
use super::value::Value;

const KEY: &str = "version";

/// Checks the version; a file that does not say is taken for the first.
pub(super) fn check(root: &mut MapReader<'_>, findings: &Findings<'_>) {
    match root.get(KEY) {
        Some(value) => check_value(&value),
        None => {
            let problem = Problem::warning(KEY, "not given; taken for \"1\"")
                .help("begin the file with `version: \"1\"`");
            findings.push(problem);
        }
    }
}

fn check_value(value: &Value<'_>) {
    let one = match &value.node().kind {
        Kind::Text(text) => text == "1",
        Kind::Int(number) => *number == 1,
        _ => false,
    };
    if !one {
        let message = format!("{} is not supported", value.quoted());
        value.error(message, Some("write `version: \"1\"`".into()));
    }
}
