//! Builds the built-in plugins and lays each into `OUT_DIR`, where the host embeds it:
//! `mtime.wasm`, `backends.wasm` and so on.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

mod guests;

const BUILT_IN: [&str; 7] = [
    "detector-mtime",
    "detector-hash",
    "detector-inotify",
    "handler-backends",
    "handler-middleware",
    "handler-tools",
    "middleware-arguments",
];

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=guests.rs");
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

fn embed() -> Result<(), String> {
    let out_dir = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?;
    for (package, component) in guests::build(&BUILT_IN)? {
        // The kind stands in the package's name; within the host the plugin's name is unique.
        let name = package
            .split_once('-')
            .map_or(package.as_str(), |(_, name)| name);
        let embedded = Path::new(&out_dir).join(name).with_extension("wasm");
        fs::copy(&component, &embedded)
            .map_err(|error| format!("{}: {error}", component.display()))?;
    }
    Ok(())
}
