//! The seam between the typed traits and the bytes and JSON of the generated bindings. Authors
//! meet it only through `export!`.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use serde_json::Value;

use crate::bindings::detector::config_sync::plugin::target::Target as LentFile;
use crate::bindings::detector::exports::config_sync::plugin::detector as detector_abi;
use crate::bindings::handler::exports::config_sync::plugin::reload_handler as handler_abi;
use crate::bindings::middleware::exports::config_sync::plugin::middleware as middleware_abi;
use crate::{
    Change, Decision, Desired, Detector, DetectorDescriptor, Digest, Entry, FileError, FileStat,
    HandlerDescriptor, Middleware, MiddlewareDescriptor, Observation, Offer, Outcome, Problem,
    Proposal, ReloadHandler, Reply, Request, Revision, Sections, Target, Wake, Wanted, log,
};

/// Compiles only for a detector.
pub const fn is_detector<D: Detector>() {}

/// Compiles only for a handler.
pub const fn is_handler<H: ReloadHandler>() {}

/// Compiles only for a middleware.
pub const fn is_middleware<M: Middleware>() {}

/// A detector as the world `detector-plugin` wants it.
pub struct DetectorGuest<D>(PhantomData<D>);

impl<D: Detector> detector_abi::Guest for DetectorGuest<D> {
    fn describe() -> DetectorDescriptor {
        D::describe()
    }

    fn observe(
        target: &LentFile,
        wake: Wake,
        memory: Option<Vec<u8>>,
    ) -> Result<detector_abi::Observation, String> {
        observe::<D>(target, wake, memory.as_deref()).map(
            |Observation {
                 verdict,
                 memory,
                 note,
             }| {
                detector_abi::Observation {
                    verdict,
                    memory,
                    note,
                }
            },
        )
    }
}

impl Target for LentFile {
    fn name(&self) -> String {
        self.name()
    }

    fn stat(&self) -> Result<FileStat, FileError> {
        self.stat()
    }

    fn digest(&self) -> Result<Digest, FileError> {
        self.digest().map(Digest::from)
    }

    fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>, FileError> {
        self.read(offset, length)
    }
}

/// One look, with the memory as the host keeps it.
pub(crate) fn observe<D: Detector>(
    target: &dyn Target,
    wake: Wake,
    memory: Option<&[u8]>,
) -> Result<Observation<Vec<u8>>, String> {
    let memory = memory.and_then(|bytes| {
        D::recall(bytes)
            .inspect_err(|error| {
                log::info(format_args!(
                    "starting over, the memory is of another version: {error}"
                ))
            })
            .ok()
    });
    let Observation {
        verdict,
        memory,
        note,
    } = D::observe(target, wake, memory)?;
    let memory =
        D::remember(&memory).map_err(|error| format!("the memory cannot be written: {error}"))?;
    Ok(Observation {
        verdict,
        memory,
        note,
    })
}

/// A handler as the world `reload-handler-plugin` wants it.
pub struct HandlerGuest<H>(PhantomData<H>);

impl<H: ReloadHandler> handler_abi::Guest for HandlerGuest<H> {
    fn describe() -> HandlerDescriptor {
        H::describe()
    }

    fn propose(change: handler_abi::Change) -> Result<handler_abi::Proposal, Vec<Problem>> {
        let proposal = H::propose(Change {
            generation: change.generation,
            previous: change.previous.as_deref().map(sections).transpose()?,
            next: sections(&change.next)?,
        })?;
        Ok(written(proposal))
    }

    fn compose(next: String, offers: Vec<Offer>) -> Result<Option<Vec<Entry>>, Vec<Problem>> {
        H::compose(&sections(&next)?, offers)
    }

    fn finished(generation: u64, outcome: Outcome) -> Result<(), String> {
        H::finished(generation, outcome)
    }
}

thread_local! {
    /// The middleware that this instance was configured as. A guest has one thread, and a component
    /// one middleware.
    static CONFIGURED: RefCell<Option<Rc<dyn Any>>> = const { RefCell::new(None) };
}

/// A middleware as the world `middleware-plugin` wants it.
pub struct MiddlewareGuest<M>(PhantomData<M>);

impl<M: Middleware> MiddlewareGuest<M> {
    fn configured() -> Result<Rc<M>, String> {
        let configured = CONFIGURED.with_borrow(Clone::clone);
        configured
            .and_then(|configured| configured.downcast().ok())
            .ok_or_else(|| "it was not configured".to_owned())
    }
}

impl<M: Middleware> middleware_abi::Guest for MiddlewareGuest<M> {
    fn describe() -> MiddlewareDescriptor {
        M::describe()
    }

    fn configure(settings: String) -> Result<(), Vec<Problem>> {
        let configured = M::configure(sections(&settings)?)?;
        CONFIGURED.set(Some(Rc::new(configured)));
        Ok(())
    }

    fn on_request(request: Request) -> Result<Decision, String> {
        Self::configured()?.on_request(&request)
    }

    fn on_response(request: Request, reply: Reply) -> Result<Revision, String> {
        Self::configured()?.on_response(&request, &reply)
    }
}

fn sections(json: &str) -> Result<Sections, Vec<Problem>> {
    serde_json::from_str(json).map_err(|error| {
        vec![Problem::error(
            "",
            format!("the host gave no JSON object: {error}"),
        )]
    })
}

fn written(
    Proposal {
        wanted,
        differences,
    }: Proposal,
) -> handler_abi::Proposal {
    let all = |desired: Vec<Desired>| {
        desired
            .into_iter()
            .map(|Desired { name, spec }| handler_abi::Desired {
                name,
                spec: canonical(spec),
            })
            .collect()
    };
    let wanted = match wanted {
        Wanted::Backends(desired) => handler_abi::Wanted::Backends(all(desired)),
        Wanted::Middleware(desired) => handler_abi::Wanted::Middleware(all(desired)),
        Wanted::Nothing => handler_abi::Wanted::Nothing,
    };
    handler_abi::Proposal {
        wanted,
        differences,
    }
}

/// The host compares specs as text, and the order of keys means nothing.
fn canonical(mut spec: Value) -> String {
    spec.sort_all_objects();
    spec.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::handler_abi::Guest;
    use super::*;

    struct Everything;

    impl ReloadHandler for Everything {
        fn describe() -> HandlerDescriptor {
            HandlerDescriptor {
                summary: "wants what it is shown".into(),
                sections: vec!["backends".into()],
            }
        }

        fn propose(change: Change) -> Result<Proposal, Vec<Problem>> {
            let wanted = change
                .next
                .into_iter()
                .map(|(name, spec)| Desired { name, spec })
                .collect();
            Ok(Proposal {
                wanted: Wanted::Backends(wanted),
                differences: Vec::new(),
            })
        }
    }

    fn propose(next: Value) -> Result<handler_abi::Proposal, Vec<Problem>> {
        HandlerGuest::<Everything>::propose(handler_abi::Change {
            generation: 1,
            previous: None,
            next: next.to_string(),
        })
    }

    #[test]
    fn sections_keep_their_order_and_specs_lose_theirs() {
        let proposal =
            propose(json!({ "b": { "y": { "d": 1, "c": 2 }, "x": [3] }, "a": {} })).unwrap();
        let handler_abi::Wanted::Backends(backends) = proposal.wanted else {
            panic!("{:?}", proposal.wanted)
        };
        let specs: Vec<_> = backends
            .iter()
            .map(|desired| (desired.name.as_str(), desired.spec.as_str()))
            .collect();
        assert_eq!(
            specs,
            [("b", r#"{"x":[3],"y":{"c":2,"d":1}}"#), ("a", "{}")]
        );
    }

    #[test]
    fn what_is_no_json_object_is_a_problem() {
        let problems = propose(json!([])).unwrap_err();
        assert!(
            problems[0]
                .message
                .starts_with("the host gave no JSON object"),
            "{problems:?}"
        );
    }
}
