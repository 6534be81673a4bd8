//! The plugins folders while the host runs: what is dropped in, replaced or taken away takes
//! effect, and is told. Looks when the operating system says that something happened there, and
//! every two seconds whatever it says.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config::PluginSettings;
use crate::events::{EventBus, EventKind};
use crate::plugin::{Change, Changed, Library, STRIKES, plugin_folders};
use crate::reload::{Handlers, InForce};
use crate::watch::{Arm, Inbox, NativeEvents, Orders, Scope};

/// Between two looks though nothing is heard: no event may ever come.
const SAFETY: Duration = Duration::from_secs(2);
/// Between two looks however much is heard: a component comes in many writes.
const BREATH: Duration = Duration::from_millis(50);

/// Follows the folders.
pub(super) struct FollowPlugins {
    pub(super) library: Arc<Library>,
    pub(super) handlers: Handlers,
    pub(super) in_force: watch::Receiver<InForce>,
    /// The folder that `plugins.dir` starts from.
    pub(super) base: PathBuf,
    pub(super) of_user: Option<PathBuf>,
    pub(super) orders: watch::Sender<Option<Orders>>,
    pub(super) bus: EventBus,
    /// What is in force: the library was made with it.
    pub(super) settings: PluginSettings,
    /// The handlers that rest, as far as that was told.
    pub(super) resting: BTreeSet<String>,
}

/// The events of the folders that are watched.
struct Ears {
    inbox: Arc<Inbox>,
    arm: NativeEvents,
}

impl FollowPlugins {
    /// Until cancelled.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        let mut ears = self.listen();
        loop {
            // A folder may hang.
            let heard = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                heard = self.look(ears) => heard,
            };
            let Some(heard) = heard else { return };
            ears = heard;
            self.tell_who_rests();
            let now = Instant::now();
            let again = self.library.look_again(now).unwrap_or(now + SAFETY);
            let inbox = Arc::clone(&ears.inbox);
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                changed = self.in_force.changed() => match changed {
                    Ok(()) => if self.adjust() {
                        ears = self.listen();
                    },
                    Err(_) => return,
                },
                () = inbox.stirred() => {}
                () = sleep_until(again.min(now + SAFETY)) => {}
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = sleep_until(now + BREATH) => {}
            }
        }
    }

    fn folders(&self) -> Vec<PathBuf> {
        plugin_folders(&self.base, &self.settings, self.of_user.as_ref())
    }

    fn listen(&self) -> Ears {
        let inbox = Arc::new(Inbox::default());
        let scopes = self.folders().into_iter().map(Scope::Folder).collect();
        let arm = NativeEvents::new(scopes, Arc::clone(&inbox));
        Ears { inbox, arm }
    }

    /// Takes over what the configuration says by now; whether there are other folders.
    fn adjust(&mut self) -> bool {
        let settings = self.in_force.borrow_and_update().plugins.clone();
        if settings == self.settings {
            return false;
        }
        let elsewhere = settings.dir != self.settings.dir;
        self.settings = settings;
        self.library.adjust(self.settings.limits, self.folders());
        // Also those that have no limits of their own and are built in.
        self.take_effect(Vec::new());
        elsewhere
    }

    /// One look, off the async threads. Nothing, when the host ends.
    async fn look(&self, mut ears: Ears) -> Option<Ears> {
        let library = Arc::clone(&self.library);
        let sections = self.in_force.borrow().sections.clone();
        let looked = tokio::task::spawn_blocking(move || {
            // What cannot be heard of is found by the clock.
            ears.arm.arm();
            let is_wanted = |section: &str| sections.iter().any(|it| it == section);
            (library.look(&is_wanted, Instant::now()), ears)
        });
        let (changes, ears) = looked.await.ok()?;
        for change in &changes {
            let (kind, details) = told(change);
            self.bus.publish(kind, details);
        }
        let effective: Vec<_> = changes.into_iter().filter(Change::has_effect).collect();
        if !effective.is_empty() {
            self.take_effect(effective.into_iter().flat_map(|it| it.sections).collect());
        }
        Some(ears)
    }

    /// Of detectors and middleware those tell who do without them.
    fn tell_who_rests(&mut self) {
        let resting = self.library.resting_handlers();
        for (name, last) in &resting {
            if self.resting.insert(name.clone()) {
                let details = format!(
                    "handler `{name}` has failed {STRIKES} times in a row, and is asked again ever \
                     later; reloads that concern it fail meanwhile; the last: {last}"
                );
                self.bus.publish(EventKind::Degraded, details);
            }
        }
        let bus = &self.bus;
        self.resting.retain(|name| {
            let rests = resting.contains_key(name);
            if !rests {
                bus.publish(EventKind::State, format!("handler `{name}` is asked again"));
            }
            rests
        });
    }

    /// Whoever holds a plugin takes it anew.
    fn take_effect(&self, sections: Vec<String>) {
        match self.library.handlers() {
            Ok(all) => self.handlers.replace(all, sections),
            Err(error) => self.bus.publish(EventKind::Error, error),
        }
        // A word to the watcher: it looks which component stands behind its detector.
        self.orders.send_modify(|_| {});
    }
}

fn told(change: &Change) -> (EventKind, String) {
    let name = &change.name;
    match &change.what {
        Changed::Loaded {
            kind,
            path,
            replaces,
        } => {
            let how = match replaces {
                true => "takes over from the one before it",
                false => "is there",
            };
            let (kind, path) = (kind.as_str(), path.display());
            (
                EventKind::State,
                format!("plugin `{name}` ({kind}) {how}: {path}"),
            )
        }
        Changed::Refused {
            path,
            reason,
            goes_on,
        } => {
            let goes_on = match goes_on {
                true => "; the one before it goes on",
                false => "",
            };
            let path = path.display();
            (
                EventKind::Error,
                format!("plugin {path}: {reason}{goes_on}"),
            )
        }
        Changed::Removed { goes_on: true } => (
            EventKind::Degraded,
            format!(
                "the file of plugin `{name}` is gone; it goes on as long as it is in use, and is \
                 missing after a restart"
            ),
        ),
        Changed::Removed { goes_on: false } => {
            (EventKind::State, format!("plugin `{name}` is gone"))
        }
    }
}
