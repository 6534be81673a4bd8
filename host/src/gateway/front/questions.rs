//! What a client was asked and has not answered yet.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::mcp::{Id, Members, Notification, Raw, RpcError, key};

/// How a client answers.
pub(super) type Answer = Result<Raw, RpcError>;

/// What is needed of a client that is asked this, by the name of the capability.
const NEEDED: [(&str, &str); 3] = [
    ("sampling/createMessage", "sampling"),
    ("elicitation/create", "elicitation"),
    ("roots/list", "roots"),
];

/// Whether a client with these capabilities may be asked this.
///
/// # Errors
/// What it did not declare, for whoever asks.
pub(super) fn may_ask(
    capabilities: &Members,
    method: &str,
    params: Option<&RawValue>,
) -> Result<(), RpcError> {
    let lacks = |code, what: &str| {
        let say = format!("{method}: the client has no `{what}`");
        Err(RpcError::new(code, say))
    };
    let Some((_, capability)) = NEEDED.iter().find(|(asked, _)| *asked == method) else {
        return Ok(());
    };
    if capabilities.get(capability).is_none() {
        return lacks(RpcError::METHOD_NOT_FOUND, capability);
    }
    let declared = capabilities.object(capability).unwrap_or_default();
    let params = params.and_then(Members::of).unwrap_or_default();
    match *capability {
        "elicitation" => {
            // Whoever says nothing of modes has and means forms; of others nothing is known.
            let has = |mode| declared.get(mode).is_some();
            match params.text("mode").as_deref() {
                Some("url") if !has("url") => {
                    return lacks(RpcError::INVALID_PARAMS, "elicitation.url");
                }
                None | Some("form") if has("url") && !has("form") => {
                    return lacks(RpcError::INVALID_PARAMS, "elicitation.form");
                }
                _ => {}
            }
        }
        "sampling" => {
            let with_tools = params.get("tools").or_else(|| params.get("toolChoice"));
            if with_tools.is_some() && declared.get("tools").is_none() {
                return lacks(RpcError::INVALID_PARAMS, "sampling.tools");
            }
        }
        _ => {}
    }
    Ok(())
}

/// Hears how a client comes along with its answer.
type Progress = Box<dyn Fn(Notification) + Send + Sync>;

/// The questions of one client, by the number that they have on the wire.
#[derive(Default)]
pub(super) struct Questions {
    given: AtomicU64,
    open: Mutex<HashMap<u64, Open>>,
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Questions({})", self.open().len())
    }
}

struct Open {
    answer: oneshot::Sender<Answer>,
    /// The asker's own token for progress, and who wants to hear of it.
    progress: Option<(Raw, Progress)>,
}

impl Questions {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question with a number of its own. It is open as long as somebody waits for the answer.
    pub(super) fn ask(self: &Arc<Self>) -> Asked {
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        let progress = None;
        self.open().insert(number, Open { answer, progress });
        Asked {
            number,
            answered,
            questions: Arc::clone(self),
        }
    }

    /// Lets `hear` know of progress with this question, if its parameters have a token for that.
    /// On the wire the token is the question's number: two backends may choose the same.
    pub(super) fn follow(&self, number: u64, params: &mut Option<Raw>, hear: Progress) {
        let mut members = params.as_deref().and_then(Members::of).unwrap_or_default();
        let mut meta = members.object(key::META).unwrap_or_default();
        let Some(token) = meta.get(key::PROGRESS_TOKEN).map(ToOwned::to_owned) else {
            return;
        };
        meta.set(key::PROGRESS_TOKEN, Id::from(number).to_raw());
        members.set(key::META, meta.to_raw());
        *params = Some(members.to_raw());
        if let Some(open) = self.open().get_mut(&number) {
            open.progress = Some((token, hear));
        }
    }

    /// The client tells how it comes along with an answer.
    pub(super) fn progress(&self, mut notification: Notification) {
        let mut params = notification.members().unwrap_or_default();
        let number = params.read::<u64>(key::PROGRESS_TOKEN);
        let open = self.open();
        let open = number.and_then(|number| open.get(&number));
        if let Some((token, hear)) = open.and_then(|it| it.progress.as_ref()) {
            params.set(key::PROGRESS_TOKEN, token.clone());
            notification.params = Some(params.to_raw());
            hear(notification);
        }
    }

    /// Whether somebody waits for the answer.
    pub(super) fn is_open(&self, number: u64) -> bool {
        self.open().contains_key(&number)
    }

    /// The client answers. An answer that nobody waits for is nothing.
    pub(super) fn answer(&self, id: &Id, answer: Answer) {
        let number = id.number();
        if let Some(open) = number.and_then(|number| self.open().remove(&number)) {
            // Whoever asked may be gone.
            let _ = open.answer.send(answer);
        }
    }
}

/// A question that is open.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) number: u64,
    answered: oneshot::Receiver<Answer>,
    questions: Arc<Questions>,
}

impl Asked {
    /// The answer; nothing if the client left.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answered).await.ok()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.questions.open().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_asked_in_the_way_that_it_declared_and_in_no_other() {
        let (form, url) = (r#"{"mode":"form"}"#, r#"{"mode":"url"}"#);
        let both = r#"{"elicitation":{"form":{},"url":{}}}"#;
        let (elicit, sample) = ("elicitation/create", "sampling/createMessage");
        for (capabilities, method, params, lacks) in [
            ("{}", elicit, form, Some("`elicitation`")),
            (r#"{"elicitation":{}}"#, elicit, "{}", None),
            (r#"{"elicitation":{}}"#, elicit, form, None),
            (
                r#"{"elicitation":{}}"#,
                elicit,
                url,
                Some("`elicitation.url`"),
            ),
            (
                r#"{"elicitation":{"form":{}}}"#,
                elicit,
                url,
                Some("`elicitation.url`"),
            ),
            (
                r#"{"elicitation":{"url":{}}}"#,
                elicit,
                "{}",
                Some("`elicitation.form`"),
            ),
            (both, elicit, "{}", None),
            (both, elicit, url, None),
            (both, elicit, r#"{"mode":"new"}"#, None),
            (r#"{"sampling":{}}"#, sample, "{}", None),
            (
                r#"{"sampling":{}}"#,
                sample,
                r#"{"tools":[]}"#,
                Some("`sampling.tools`"),
            ),
            (
                r#"{"sampling":{}}"#,
                sample,
                r#"{"toolChoice":{}}"#,
                Some("`sampling.tools`"),
            ),
            (
                r#"{"sampling":{"tools":{}}}"#,
                sample,
                r#"{"tools":[]}"#,
                None,
            ),
            ("{}", "roots/list", "{}", Some("`roots`")),
            ("{}", "of/another", "{}", None),
        ] {
            let params = Members::parse(params).unwrap().to_raw();
            let capabilities = Members::parse(capabilities).unwrap();
            let asked = may_ask(&capabilities, method, Some(&params));
            let said = asked.err().map(|error| error.message);
            let is_said = lacks.map(|lacks| format!("{method}: the client has no {lacks}"));
            assert_eq!(said, is_said, "{}", params.get());
        }
    }
}
