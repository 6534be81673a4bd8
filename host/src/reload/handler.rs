//! The port behind which reload handlers stand. The words are those of `wit/reload-handler.wit`.

use serde_json::Value;

use super::Ending;
use crate::config::Problem;
use crate::events::Fault;
use crate::gateway::{Entry, Offer};

pub use crate::config::{Difference, DifferenceKind};

/// What a handler is shown of a changed configuration: its own sections, nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The number that the new configuration will have.
    pub generation: u64,
    /// What serves now; absent at the start.
    pub previous: Option<Value>,
    /// What shall serve.
    pub next: Value,
}

/// Everything that a handler wants to be served. What it leaves out, goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposed {
    /// Names and specifications, in the order in which their offers rank.
    Backends(Vec<(String, Value)>),
    /// Names and settings, outermost first.
    Middleware(Vec<(String, Value)>),
    /// It wants nothing built.
    Nothing,
}

/// A handler's answer to a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// What it wants.
    pub wanted: Proposed,
    /// What differs, for people.
    pub differences: Vec<Difference>,
}

/// Why a handler gave no answer.
#[derive(Debug, Clone)]
pub enum Refused {
    /// The configuration is wrong.
    Problems(Vec<Problem>),
    /// The handler itself has failed.
    Fault(Fault),
}

/// Turns a changed configuration into what shall be served. Proposes; the host builds, checks,
/// swaps and undoes.
pub trait ReloadHandler: Send + 'static {
    /// Its name, for messages.
    fn name(&self) -> &str;

    /// The top-level sections that it reads.
    fn sections(&self) -> &[String];

    /// Its file is gone, and it goes on only as long as the configuration has a section of it.
    fn is_leaving(&self) -> bool {
        false
    }

    /// Before anything is built.
    ///
    /// # Errors
    /// [`Refused`]; the reload ends there.
    fn propose(&mut self, change: &Change) -> Result<Proposal, Refused>;

    /// After the candidate's backends answered, and whenever a serving backend's offers change:
    /// the whole catalog. `None` leaves it to the other handlers.
    ///
    /// # Errors
    /// [`Refused`]; the reload ends there.
    fn compose(&mut self, next: &Value, offers: &[Offer]) -> Result<Option<Vec<Entry>>, Refused>;

    /// After the swap, or after it was called off.
    ///
    /// # Errors
    /// Its [`Fault`], which changes nothing any more.
    fn finished(&mut self, generation: u64, ending: Ending) -> Result<(), Fault>;
}
