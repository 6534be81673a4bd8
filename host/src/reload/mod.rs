//! A reload is one transaction: read, digest, compare with what was applied, parse, validate,
//! propose, build, compose, swap, finish. Any step that fails drops the candidate, and what
//! served goes on serving. One reload at a time; the newest bytes win. Knows nothing of what a
//! backend is made of.

mod attempt;
mod backends;
mod calls;
mod check;
mod commands;
mod composed;
mod course;
mod handler;
mod handlers;
mod in_force;
mod keeper;
mod last_good;
#[cfg(test)]
mod only_mtime;
mod outcome;
mod plan;
mod probation;
mod read;
mod record;
mod refreshes;
mod reloader;
mod renewal;
mod restarts;
mod revert;
mod standing;
mod tell;
mod wanted;

pub use calls::Ask;
pub use check::{AtHand, OtherPlugins, check_plugins};
pub use handler::{Change, Difference, DifferenceKind, Proposal, Proposed, Refused, ReloadHandler};
pub use handlers::Handlers;
pub use in_force::InForce;
pub use outcome::{Ending, Outcome};
pub use plan::Planner;
pub use read::read;
pub use record::{
    Digests, Forgetful, LastGood, Memory, OutcomeKind, Phase, PhaseTime, Record, Trigger,
};
pub use reloader::{Ports, Reloader};
pub use standing::{Last, Serving, Standing};
