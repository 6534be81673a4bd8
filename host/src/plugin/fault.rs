//! Sorts what wasmtime reports by what the guest did.

use wasmtime::component::ResourceTableError;
use wasmtime::{Error, FrameInfo, FrameSymbol, WasmBacktrace};

use super::output::{TooManyLines, cut};
use super::state::{KeptBusy, MAX_HELD, MemoryExceeded, TimeExceeded};
use super::waiting::Waiting;
use crate::events::{Fault, FaultKind};

/// Functions of the guest that are named in one line; the whole backtrace goes to the log.
const FRAMES: usize = 6;
/// Of a panic, the machinery between it and the guest's own code.
const MACHINERY: [&str; 6] = ["__rust", "rust_", "std::", "core::", "alloc::", "abort"];
/// What wasmtime says of a guest that hands over more than `limits.output`; its type is private.
const TOO_MUCH: &str = "fuel allocated for hostcalls";
/// And of one that holds too many handles.
const TOO_MANY: &str = "handle limit exceeded";

/// Something that it was granted is not there.
#[derive(Debug, thiserror::Error)]
#[error("{folder} (grants.read) cannot be opened: {why}; put it there, or grant another")]
pub(super) struct Missing {
    folder: String,
    why: String,
}

impl Missing {
    pub(super) fn folder(folder: &str, error: &Error) -> Self {
        Self {
            folder: folder.to_owned(),
            why: error.root_cause().to_string(),
        }
    }
}

/// The fault behind an error of a call. `last_words` is what the guest said last on its standard
/// error: where it panicked, the reason.
pub(super) fn of(
    plugin: &str,
    call: &'static str,
    error: &Error,
    last_words: Option<String>,
) -> Fault {
    let holds_too_many = is_full(error);
    let kind = if error.is::<TimeExceeded>() || error.is::<KeptBusy>() || error.is::<Waiting>() {
        FaultKind::Deadline
    } else if error.is::<MemoryExceeded>() || holds_too_many {
        FaultKind::Memory
    } else if error.is::<TooManyLines>() || root(error).contains(TOO_MUCH) {
        FaultKind::Output
    } else if error.is::<Missing>() {
        FaultKind::NotReady
    } else {
        FaultKind::Trap
    };
    // The whole story, with the guest's own functions, is for its author.
    tracing::debug!(target: "config_sync::plugin", plugin, call, "{error:?}");
    let message = match kind {
        FaultKind::Output if !error.is::<TooManyLines>() => {
            "it hands over more at once than it may (limits.output)".to_owned()
        }
        FaultKind::Memory if holds_too_many => {
            format!("it holds more than {MAX_HELD} files, streams and the like at once")
        }
        FaultKind::Trap => trap(error, &last_words.unwrap_or_default()),
        _ => root(error),
    };
    Fault {
        plugin: plugin.to_owned(),
        call,
        kind,
        message: cut(message),
    }
}

/// Whether the host holds as much for it as it may.
fn is_full(error: &Error) -> bool {
    let table = error.downcast_ref::<ResourceTableError>();
    matches!(table, Some(ResourceTableError::Full)) || root(error).contains(TOO_MANY)
}

fn root(error: &Error) -> String {
    error.root_cause().to_string()
}

/// What it was, where, and what the guest said of it.
fn trap(error: &Error, last_words: &str) -> String {
    let frames = error.downcast_ref::<WasmBacktrace>();
    let names = frames.into_iter().flat_map(WasmBacktrace::frames);
    let names: Vec<_> = names
        .filter_map(named)
        .skip_while(|name| MACHINERY.iter().any(|known| name.starts_with(known)))
        .take(FRAMES)
        .collect();
    let mut message = root(error);
    if !last_words.is_empty() {
        message += &format!("; it said: {last_words}");
    }
    if !names.is_empty() {
        message += &format!("; in {}", names.join(" < "));
    }
    message
}

/// A function by its name, with its place where the component has it.
fn named(frame: &FrameInfo) -> Option<String> {
    let symbol = frame.symbols().first();
    let name = symbol.and_then(FrameSymbol::name).or(frame.func_name())?;
    // `#` leaves out the hash at the end.
    let name = format!("{:#}", rustc_demangle::demangle(name));
    let place = symbol.and_then(|symbol| Some((symbol.file()?, symbol.line()?)));
    Some(match place {
        Some((file, line)) => format!("{name} ({file}:{line})"),
        None => name,
    })
}
