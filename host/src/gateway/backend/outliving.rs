//! What goes on after the request that began it has its answer: a task, and what a person does at an
//! address that a backend named (2025-11-25, "Tasks" and "URL mode elicitation"; the extension
//! `io.modelcontextprotocol/tasks`). What the backend says of it later, by the name that it gave it,
//! is for the client alone that began it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::about::About;
use super::era::InputRequired;
use super::failure::Failure;
use super::peer::Peer;
use crate::gateway::client::{Client, ClientId};
use crate::mcp::{Members, Notification, Raw, RpcError, key};

/// So much of one backend is remembered; then the oldest is forgotten.
const MOST: usize = 1000;
const STATUS: &str = "notifications/tasks/status";
const ELICITATION: &str = "elicitationId";

#[derive(Debug, Default)]
pub(super) struct Outliving(Mutex<VecDeque<Begun>>);

/// Who began something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct Beginner {
    pub(in crate::gateway) client: ClientId,
    /// Whose token it showed, where clients must show one.
    pub(in crate::gateway) caller: Option<String>,
}

#[derive(Debug, Clone)]
struct Begun {
    what: What,
    /// Whose it is. It may be gone as one that can be told, and come back with its next request.
    by: Beginner,
    client: Weak<dyn Client>,
    gone: CancellationToken,
    /// The client's own token for progress.
    token: Option<Raw>,
    /// So long the backend keeps it.
    until: Option<Instant>,
    /// Nothing more becomes of it; its result may still be asked for.
    is_over: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// By its name, and by the number of our request.
    Task(String, u64),
    Elicitation(String),
}

impl Begun {
    /// It as something that no request of the client is about any more.
    fn about(&self) -> Option<About> {
        let client = self.client.upgrade()?;
        let level = client.log_level();
        Some(About {
            token: self.token.clone(),
            ..About::none_of(client, level)
        })
    }
}

impl Outliving {
    fn all(&self) -> MutexGuard<'_, VecDeque<Begun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, what: What, about: &About, ttl: Option<Duration>) {
        let now = Instant::now();
        let mut all = self.all();
        all.retain(|it| it.what != what && !it.gone.is_cancelled());
        all.retain(|it| it.until.is_none_or(|until| until > now));
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(Begun {
            what,
            by: Beginner {
                client: about.client.id(),
                caller: about.caller.clone(),
            },
            client: Arc::downgrade(&about.client),
            gone: about.client.gone().clone(),
            token: about.token.clone(),
            until: ttl.and_then(|ttl| now.checked_add(ttl)),
            is_over: false,
        });
    }

    fn find(&self, is_it: impl Fn(&What) -> bool) -> Option<Begun> {
        self.all().iter().find(|it| is_it(&it.what)).cloned()
    }

    fn task(&self, name: &str) -> Option<Begun> {
        self.find(|it| matches!(it, What::Task(task, _) if task == name))
    }

    /// The task that our request of this number began.
    pub(super) fn task_of(&self, request: u64) -> Option<About> {
        let task = self.find(|it| matches!(it, What::Task(_, number) if *number == request));
        task.filter(|it| !it.is_over)?.about()
    }

    /// Nothing more becomes of it.
    fn end(&self, what: &What) {
        let mut all = self.all();
        if let What::Elicitation(_) = what {
            return all.retain(|it| it.what != *what);
        }
        for task in all.iter_mut().filter(|it| it.what == *what) {
            task.is_over = true;
        }
    }

    /// Who began the task of this name.
    pub(super) fn began(&self, task: &str) -> Option<Beginner> {
        self.task(task).map(|it| it.by)
    }

    /// What that of an earlier connection to the same server knows of tasks. (No request of this
    /// one has the number 0.)
    pub(super) fn take_over(&self, earlier: &Self) {
        let mut begun = earlier.all().clone();
        begun.retain_mut(|it| match &mut it.what {
            What::Task(_, request) => {
                *request = 0;
                true
            }
            What::Elicitation(_) => false,
        });
        self.all().extend(begun);
    }
}

impl Peer {
    /// Remembers what goes on after this answer to our request, which is not forgotten yet: nothing
    /// that is said in between may be lost.
    pub(super) fn goes_on(&self, request: u64, answer: &Result<Raw, Failure>) {
        let about = {
            let pending = self.pending();
            let pending = pending.get(&request).filter(|it| match answer {
                Ok(result) => it.is_task || may_go_on(result, self.has_sessions()),
                Err(Failure::Error(error)) => error.code == RpcError::URL_ELICITATION_REQUIRED,
                Err(_) => false,
            });
            pending.and_then(|it| it.about.clone())
        };
        let Some(about) = about else { return };
        match answer {
            Ok(result) => {
                let task = Members::of(result).and_then(task_in);
                if let Some((name, task)) = task.and_then(|it| Some((it.text(key::TASK)?, it))) {
                    let ttl = task.read("ttl").or_else(|| task.read("ttlMs"));
                    let ttl = ttl.map(Duration::from_millis);
                    let what = What::Task(name, request);
                    self.outliving.begin(what, &about, ttl);
                }
                for (_, asked) in InputRequired::of(result)
                    .iter()
                    .flat_map(|it| it.requests.iter())
                {
                    let asked = Members::of(asked).and_then(|it| it.object("params"));
                    self.elicits(asked.as_ref(), &about);
                }
            }
            Err(Failure::Error(error)) => {
                let data = error.data.as_deref().and_then(Members::of);
                let all = data.and_then(|it| it.read::<Vec<Members>>("elicitations"));
                for asked in all.iter().flatten() {
                    self.elicits(Some(asked), &about);
                }
            }
            Err(_) => {}
        }
    }

    /// A client is asked this: if the answer is given elsewhere, that it was is for this client.
    pub(super) fn elicits(&self, asked: Option<&Members>, about: &About) {
        if let Some(name) = asked.and_then(|it| it.text(ELICITATION)) {
            self.outliving.begin(What::Elicitation(name), about, None);
        }
    }

    /// In whose course the backend says something with these parameters: that of whoever began the
    /// task that they name, else as [`Peer::about`] has it.
    pub(super) fn about_said(&self, params: Option<&Raw>, stream_of: Option<u64>) -> Option<About> {
        let named = params.filter(|it| it.get().contains(key::RELATED_TASK));
        let meta = named.and_then(|it| Members::of(it)?.object(key::META));
        let task = meta.and_then(|it| it.object(key::RELATED_TASK)?.text(key::TASK));
        match task.and_then(|it| self.outliving.task(&it)) {
            Some(task) => self.in_course_of(&task, stream_of),
            None => self.about(stream_of),
        }
    }

    /// In the course of a request of the same client, if one is under way: that on whose stream it
    /// came, else the newest.
    fn in_course_of(&self, begun: &Begun, stream_of: Option<u64>) -> Option<About> {
        let under_way = {
            let pending = self.pending();
            let under_way = pending
                .iter()
                .filter_map(|(id, it)| Some((*id, it.about.as_ref()?)));
            let its = under_way.filter(|(_, about)| about.client.id() == begun.by.client);
            let best = its.max_by_key(|(id, _)| (Some(*id) == stream_of, *id));
            best.map(|(_, about)| about.clone())
        };
        under_way.or_else(|| begun.about())
    }

    /// `notifications/tasks/status` and `notifications/elicitation/complete` are for nobody but the
    /// client that began it. Of what is not known, only one whose connection or stream it came on
    /// hears.
    pub(super) fn outlived(&self, notification: Notification, stream_of: Option<u64>) {
        let params = notification.members().unwrap_or_default();
        let is_status = notification.method == STATUS;
        let name = params.text(if is_status { key::TASK } else { ELICITATION });
        let name = name.unwrap_or_default();
        let begun = match is_status {
            true => self.outliving.task(&name),
            false => self
                .outliving
                .find(|it| *it == What::Elicitation(name.clone())),
        };
        let about = match &begun {
            Some(begun) => self.in_course_of(begun, stream_of),
            None if stream_of.is_some() || self.me.owner.is_some() => self.about(stream_of),
            None => None,
        };
        if let Some(begun) = begun
            && (!is_status || is_over(&params))
        {
            self.outliving.end(&begun.what);
        }
        match about {
            Some(about) => about.client.tell(about.request.as_ref(), notification),
            None => tracing::debug!(
                backend = self.backend,
                method = notification.method,
                "for nobody who is there"
            ),
        }
    }
}

/// In the new era a result may be a task though nobody asked for one, or ask for something that is
/// done elsewhere.
fn may_go_on(result: &Raw, has_sessions: bool) -> bool {
    let says = |word| result.get().contains(word);
    !has_sessions && (says(ELICITATION) || says(key::TASK))
}

/// The task that a result is (new era) or has (old era).
fn task_in(result: Members) -> Option<Members> {
    match result.text("resultType") {
        Some(kind) => (kind == "task").then_some(result),
        None => result.object("task"),
    }
}

fn is_over(task: &Members) -> bool {
    let status = task.text("status").unwrap_or_default();
    matches!(&*status, "completed" | "failed" | "cancelled")
}

#[cfg(test)]
mod tests;
