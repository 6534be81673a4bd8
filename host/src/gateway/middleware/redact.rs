//! Redact: takes what patterns find out of the text that clients send and backends answer,
//! errors included. Keys and numbers stay. Searching takes time that grows with the text,
//! so a message with more of it than may be searched is refused, or let pass by choice.

use futures::future::BoxFuture;
use serde_json::Value;

use super::{Middleware, Next};
use crate::config::{OnFault, RedactSettings};
use crate::gateway::{Call, CallError, Reply};

/// What names the thing that is called, at the top of the parameters: without it the call would
/// go astray.
const ROUTES: [&str; 2] = ["name", "uri"];

pub(super) struct Redact {
    settings: RedactSettings,
}

/// More text than may be searched.
struct TooMuch;

impl Redact {
    pub(super) fn new(settings: &RedactSettings) -> Self {
        Self {
            settings: settings.clone(),
        }
    }

    fn search(&self, value: &mut Value, left: &mut u64) -> Result<(), TooMuch> {
        match value {
            Value::String(text) => {
                *left = left.checked_sub(text.len() as u64).ok_or(TooMuch)?;
                let settings = &self.settings;
                if let Some(replaced) = settings.patterns.replace(text, &settings.replacement) {
                    *text = replaced;
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.search(item, left)?;
                }
            }
            Value::Object(fields) => {
                for (_, field) in fields.iter_mut() {
                    self.search(field, left)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(())
    }

    /// What to do about more text than may be searched.
    fn too_much(&self, what: &str) -> Result<(), CallError> {
        match self.settings.fail {
            OnFault::Open => {
                tracing::warn!("{what} were too long to be searched by `redact`, and passed");
                Ok(())
            }
            OnFault::Closed => {
                let mib = self.settings.max_size >> 20;
                Err(CallError::forbidden(format!(
                    "{what} hold more than {mib} MiB of text, which is more than the gateway \
                     searches for secrets (redact.max_size)"
                )))
            }
        }
    }

    fn arguments(&self, call: &mut Call) -> Result<(), CallError> {
        let mut left = self.settings.max_size;
        for (key, value) in call.params.iter_mut() {
            if ROUTES.contains(&key.as_str()) {
                continue;
            }
            if self.search(value, &mut left).is_err() {
                return self.too_much("the arguments");
            }
        }
        Ok(())
    }

    fn reply(&self, reply: Reply) -> Reply {
        let mut left = self.settings.max_size;
        let searched = match reply {
            Ok(mut result) => (self.search(&mut result, &mut left), Ok(result)),
            Err(mut error) => {
                let mut message = Value::String(std::mem::take(&mut error.message));
                let data = error.data.iter_mut();
                let searched = std::iter::once(&mut message)
                    .chain(data)
                    .try_for_each(|value| self.search(value, &mut left));
                if let Value::String(message) = message {
                    error.message = message;
                }
                (searched, Err(error))
            }
        };
        match searched {
            (Ok(()), reply) => reply,
            (Err(TooMuch), reply) => self.too_much("the results").and(reply),
        }
    }
}

impl Middleware for Redact {
    fn handle<'a>(&'a self, mut call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            if self.settings.arguments {
                self.arguments(&mut call)?;
            }
            let reply = next.run(call).await;
            if self.settings.results {
                self.reply(reply)
            } else {
                reply
            }
        })
    }
}
