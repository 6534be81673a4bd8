//! Builds the guests that misbehave, and tells the stories where they lie: `HOSTILE_DETECTOR`,
//! `HOSTILE_HANDLER`, `HOSTILE_MIDDLEWARE`, and `DETECTOR_MTIME` and `MIDDLEWARE_ARGUMENTS`, good ones
//! to drop in under another name.

use std::path::Path;
use std::process::ExitCode;

#[path = "../host/guests.rs"]
mod guests;

const GUESTS: [&str; 5] = [
    "hostile-detector",
    "hostile-handler",
    "hostile-middleware",
    "detector-mtime",
    "middleware-arguments",
];

fn main() -> ExitCode {
    for source in ["build.rs", "guests", "../host/guests.rs"] {
        println!("cargo::rerun-if-changed={source}");
    }
    match guests::build(&GUESTS) {
        Ok(components) => {
            for (package, component) in components {
                tell(&package, &component);
            }
            ExitCode::SUCCESS
        }
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

fn tell(package: &str, component: &Path) {
    let name = package.to_uppercase().replace('-', "_");
    println!("cargo::rustc-env={name}={}", component.display());
}
