//! What the hostile guests do on command. Each sin goes on until the host ends it.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use config_sync_sdk::{log, settings};

/// Far beyond any `plugins.limits.memory` that a test sets.
const GIBIBYTE: usize = 1024 * 1024 * 1024;
/// Touching one byte in each makes the memory real.
const PAGE: usize = 4096;
/// Longer than any test waits.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// More than any answer has need of, less than what the host takes at once.
const HUGE: usize = 3 * 512 * 1024;
/// More than the host takes at once, less than a guest's memory.
const FLOOD: usize = 8 * 1024 * 1024;
/// In a call after so many good ones.
const THIRD: u32 = 3;

static CALLS: AtomicU32 = AtomicU32::new(0);

/// Some cannot even say what they are: where the settings name a sin for `describe`.
pub(crate) fn before_all() {
    if let Some(sin) = settings().get("describe").and_then(|sin| sin.as_str()) {
        let _ = commit(sin);
    }
}

/// Commits the sin of this name.
///
/// # Errors
/// The refusal, where that is the sin, or that there is no sin of this name.
pub(crate) fn commit(sin: &str) -> Result<(), String> {
    match sin {
        "trap" => unreachable!("as commanded"),
        // The host keeps this instance as long as nothing goes wrong.
        "third" => match CALLS.fetch_add(1, Ordering::Relaxed) + 1 {
            THIRD.. => unreachable!("as commanded"),
            _ => Ok(()),
        },
        "hoard" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; PAGE]);
                black_box(&hoard);
            }
        }
        "flood" => Err("x".repeat(FLOOD)),
        "loop" => loop {
            black_box(());
        },
        "memory" => {
            let mut hoard = vec![0_u8; GIBIBYTE];
            hoard.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
            black_box(hoard);
            Ok(())
        }
        "recursion" => {
            black_box(descend(0));
            Ok(())
        }
        "log" => loop {
            log::info("a line that nobody needs");
        },
        "print" => loop {
            println!("a line that nobody needs");
        },
        // No sin.
        "say" => {
            println!("a line");
            eprintln!("another");
            Ok(())
        }
        "sleep" => {
            #[expect(clippy::disallowed_methods, reason = "to wait in vain is the sin")]
            std::thread::sleep(HOUR);
            Ok(())
        }
        "exit" => std::process::exit(0),
        "refuse" => Err("as commanded".to_owned()),
        "rant" => Err(huge()),
        "gibibyte" => Err(gibibyte()),
        unknown => Err(format!("there is no sin `{unknown}`")),
    }
}

/// A text that is too long for whatever it is used as.
pub(crate) fn huge() -> String {
    "x".repeat(HUGE)
}

/// Of zeros, which are text. Nothing reads them here: the host must not, either.
fn gibibyte() -> String {
    #[expect(
        unsafe_code,
        reason = "to look at all of it would take the guest's whole time"
    )]
    unsafe {
        String::from_utf8_unchecked(vec![0; GIBIBYTE])
    }
}

#[expect(unconditional_recursion, reason = "the stack is what ends it")]
fn descend(depth: u64) -> u64 {
    black_box(descend(black_box(depth + 1))) + 1
}
