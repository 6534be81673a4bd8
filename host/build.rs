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

/// Lays the SDK and the interfaces into `OUT_DIR` as lists of paths and texts, for `plugin new`.
fn vendor(out_dir: &Path) -> Result<(), String> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(|error| error.to_string())?;
    let root = Path::new(&root)
        .parent()
        .ok_or("the host is not in a workspace")?;
    for (list, folder, place) in [
        ("sdk.rs", "plugins/sdk/src", "vendor/config-sync-sdk/src"),
        ("wit.rs", "wit", "wit"),
    ] {
        let mut text = String::from("&[\n");
        texts(&root.join(folder), place, &mut text)?;
        text.push(']');
        fs::write(out_dir.join(list), text).map_err(|error| format!("{list}: {error}"))?;
    }
    Ok(())
}

fn texts(folder: &Path, place: &str, list: &mut String) -> Result<(), String> {
    let in_it = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(in_it)? {
        paths.push(entry.map_err(in_it)?.path());
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let place = format!("{place}/{name}");
        if path.is_dir() {
            texts(&path, &place, list)?;
        } else {
            *list += &format!("({place:?}, include_str!({path:?})),\n");
        }
    }
    Ok(())
}

fn embed() -> Result<(), String> {
    let out_dir = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?;
    vendor(Path::new(&out_dir))?;
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
