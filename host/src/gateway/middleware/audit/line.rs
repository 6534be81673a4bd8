//! One line of the audit file. What is named like a secret is not in it.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Zoned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::AuditSettings;
use crate::events::timestamp;
use crate::gateway::{Call, ErrorOrigin, Reply};

/// Arguments longer than this, as JSON, are left out: the audit is no archive.
const LONGEST_ARGUMENTS: usize = 8 * 1024;
/// Bytes of a name: clients make those of resources that no list has.
const LONGEST_NAME: usize = 1024;
const REDACTED: &str = "[redacted]";
/// What a key is called whose value is a secret.
const SECRETS: [&str; 9] = [
    "apikey",
    "auth",
    "cookie",
    "credential",
    "passphrase",
    "password",
    "privatekey",
    "secret",
    "token",
];

#[derive(Debug, Serialize)]
pub(super) struct Line {
    timestamp: String,
    call: u64,
    client: String,
    /// Whose token it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    method: Cow<'static, str>,
    name: String,
    backend: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Value>,
    milliseconds: f64,
    /// `ok`, `tool-error` (the tool itself says so), `error` (the backend does), `refused` (the
    /// gateway did), `no-answer` or `cancelled`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip)]
    cancelled: tokio_util::sync::CancellationToken,
}

impl Line {
    pub(super) fn of(call: &Call, settings: &AuditSettings) -> Self {
        let arguments = settings.arguments.then(|| {
            let mut arguments: Value = match call.params.get("arguments") {
                None => Value::Null,
                Some(json) => {
                    serde_json::from_str(json.get()).unwrap_or_else(|_| "[cannot be read]".into())
                }
            };
            redact(&mut arguments, settings);
            match serde_json::to_string(&arguments) {
                Ok(json) if json.len() <= LONGEST_ARGUMENTS => arguments,
                _ => format!("[longer than {LONGEST_ARGUMENTS} bytes]").into(),
            }
        });
        // A name that a client made up of a template may hold what it should not.
        let patterns = settings.redact.as_ref();
        let replaced = patterns.and_then(|it| it.replace(&call.shown_as, REDACTED));
        let name = replaced.as_deref().unwrap_or(&call.shown_as);
        let name = &name[..name.floor_char_boundary(LONGEST_NAME)];
        Self {
            timestamp: timestamp(&Zoned::now()),
            call: call.id,
            client: call.client.name().to_owned(),
            caller: call.caller.clone(),
            method: call.method.on_the_wire(),
            name: name.to_owned(),
            backend: call.backend.clone(),
            arguments,
            milliseconds: 0.0,
            outcome: "ok",
            code: None,
            cancelled: call.cancelled.clone(),
        }
    }

    pub(super) fn end(&mut self, reply: &Reply, took: Duration) {
        self.milliseconds = took.as_secs_f64() * 1000.0;
        self.outcome = match reply {
            Ok(result) if says_error(result) => "tool-error",
            Ok(_) => "ok",
            Err(_) if self.cancelled.is_cancelled() => "cancelled",
            Err(error) => match error.origin {
                ErrorOrigin::Backend => "error",
                ErrorOrigin::Gateway => "refused",
                ErrorOrigin::NoAnswer => "no-answer",
            },
        };
        self.code = reply.as_ref().err().map(|error| error.code);
    }

    /// Nobody waits for the answer any more.
    pub(super) fn dropped(&mut self, took: Duration) {
        self.milliseconds = took.as_secs_f64() * 1000.0;
        self.outcome = "cancelled";
    }
}

/// Whether the tool itself says that it failed.
fn says_error(result: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Result {
        #[serde(default, rename = "isError")]
        is_error: bool,
    }
    serde_json::from_str(result.get()).is_ok_and(|it: Result| it.is_error)
}

fn redact(value: &mut Value, settings: &AuditSettings) {
    match value {
        Value::String(text) => {
            let patterns = settings.redact.as_ref();
            if let Some(replaced) = patterns.and_then(|it| it.replace(text, REDACTED)) {
                *text = replaced;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, settings)),
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                if is_secret(key) {
                    *field = REDACTED.into();
                } else {
                    redact(field, settings);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_secret(key: &str) -> bool {
    let letters = key.chars().filter(|letter| letter.is_alphanumeric());
    let key: String = letters.flat_map(char::to_lowercase).collect();
    SECRETS.iter().any(|secret| key.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::call;
    use super::*;
    use crate::config::{MiddlewareSettings, MiddlewareSpec};
    use crate::gateway::CallError;
    use crate::mcp::{Members, raw_of};
    use serde_json::json;

    fn settings(json: &Value) -> AuditSettings {
        let spec = MiddlewareSpec::from_json("audit", "audit", json, &|_| None);
        match spec.unwrap().settings {
            MiddlewareSettings::Audit(settings) => settings,
            other => panic!("{other:?}"),
        }
    }

    fn line(arguments: bool, params: Value) -> Line {
        let settings = settings(&json!({ "arguments": arguments }));
        let mut call = call("read");
        call.params = Members::of(&raw_of(&params).unwrap()).unwrap();
        Line::of(&call, &settings)
    }

    #[test]
    fn what_is_named_like_a_secret_is_not_in_a_line_and_arguments_only_where_asked_for() {
        let params = json!({"name": "read", "arguments": {
            "path": "/a", "Api-Key": "k", "deep": [{"dbPassword": {"x": 1}, "n": 7}],
        }});
        assert_eq!(line(false, params.clone()).arguments, None);
        let expected = json!({
            "path": "/a", "Api-Key": "[redacted]", "deep": [{"dbPassword": "[redacted]", "n": 7}],
        });
        assert_eq!(line(true, params).arguments, Some(expected));
        let long = json!({"arguments": {"text": "x".repeat(LONGEST_ARGUMENTS)}});
        assert_eq!(
            line(true, long).arguments,
            Some(json!("[longer than 8192 bytes]"))
        );
    }

    #[test]
    fn whatever_a_client_calls_a_resource_is_short_in_a_line() {
        let settings = settings(&json!({}));
        let called = |bytes: usize| {
            Line::of(&call(&"é".repeat(bytes / 2)), &settings)
                .name
                .len()
        };
        assert_eq!(called(1 << 20), LONGEST_NAME);
        assert_eq!(called(LONGEST_NAME), LONGEST_NAME);
    }

    #[test]
    fn what_the_patterns_find_is_in_no_name_either() {
        let settings = settings(&json!({"redact": ["token=[^&]*"]}));
        let secret = "t".repeat(2 * LONGEST_NAME);
        let long = format!("db://x?token={secret}&y");
        let name = |name: &str| Line::of(&call(name), &settings).name;
        assert_eq!(name(&long), "db://x?[redacted]&y");
        assert_eq!(name("read"), "read");
    }

    #[test]
    fn a_line_says_how_the_call_ended() {
        let outcome = |reply: Reply| {
            let mut line = line(false, json!({}));
            line.end(&reply, Duration::from_millis(5));
            (line.outcome, line.code)
        };
        let said = |result: Value| Ok(raw_of(&result).unwrap());
        assert_eq!(outcome(said(json!({}))), ("ok", None));
        assert_eq!(
            outcome(said(json!({"isError": true}))),
            ("tool-error", None)
        );
        let refused = CallError::forbidden("no");
        assert_eq!(outcome(Err(refused)), ("refused", Some(403)));
        let silent = CallError::no_answer("late");
        assert_eq!(outcome(Err(silent)), ("no-answer", Some(-32603)));
    }
}
