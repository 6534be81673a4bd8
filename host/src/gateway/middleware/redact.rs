//! Redact: takes what patterns find out of the text that clients send and backends answer,
//! errors included. Keys and numbers stay. Searching takes time that grows with the text,
//! so a message with more of it than may be searched is refused, or let pass by choice.

use futures::future::BoxFuture;

use super::{Middleware, Next};
use crate::config::{OnFault, RedactSettings};
use crate::gateway::{Call, CallError, Reply};
use crate::mcp::{Raw, raw_of, replace_texts};

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

    /// The value without what the patterns find; `None` when they find nothing.
    fn search(&self, value: &Raw, left: &mut u64) -> Result<Option<Raw>, TooMuch> {
        let settings = &self.settings;
        replace_texts(value, |text| {
            *left = left.checked_sub(text.len() as u64).ok_or(TooMuch)?;
            Ok(settings.patterns.replace(text, &settings.replacement))
        })
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
        let searched = call.params.try_for_each_mut(|key, value| {
            if !ROUTES.contains(&key)
                && let Some(clean) = self.search(value, &mut left)?
            {
                *value = clean;
            }
            Ok(())
        });
        searched.or_else(|TooMuch| self.too_much("the arguments"))
    }

    fn reply(&self, mut reply: Reply) -> Reply {
        let mut left = self.settings.max_size;
        let searched = match &mut reply {
            Ok(result) => self.replace(result, &mut left),
            Err(error) => self.error(error, &mut left),
        };
        match searched {
            Ok(()) => reply,
            Err(TooMuch) => self.too_much("the results").and(reply),
        }
    }

    fn replace(&self, value: &mut Raw, left: &mut u64) -> Result<(), TooMuch> {
        if let Some(clean) = self.search(value, left)? {
            *value = clean;
        }
        Ok(())
    }

    fn error(&self, error: &mut CallError, left: &mut u64) -> Result<(), TooMuch> {
        if let Ok(mut message) = raw_of(&error.message) {
            self.replace(&mut message, left)?;
            error.message = serde_json::from_str(message.get()).unwrap_or_default();
        }
        if let Some(data) = &mut error.data {
            self.replace(data, left)?;
        }
        error
            .beside
            .try_for_each_mut(|_, value| self.replace(value, left))
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
