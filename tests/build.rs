//! Builds the guests of the stories and every plugin of ours, and tells the stories where they lie:
//! each by its own name (`HOSTILE_DETECTOR`, `DETECTOR_MTIME`), and `GUESTS`, the folder of all.

use std::path::Path;
use std::process::ExitCode;

#[path = "../host/guests.rs"]
mod guests;

const OF_OUR_OWN: [&str; 4] = [
    "hostile-detector",
    "hostile-handler",
    "hostile-middleware",
    "reaching-handler",
];
const PLUGINS: &str = "../plugins";

fn main() -> ExitCode {
    for source in ["build.rs", "guests", "../host/guests.rs"] {
        println!("cargo::rerun-if-changed={source}");
    }
    let mut packages = OF_OUR_OWN.map(str::to_owned).to_vec();
    packages.extend(plugins());
    let packages: Vec<_> = packages.iter().map(String::as_str).collect();
    match guests::build(&packages) {
        Ok(components) => {
            if let Some(folder) = components.first().and_then(|(_, first)| first.parent()) {
                println!("cargo::rustc-env=GUESTS={}", folder.display());
            }
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

/// Every folder with a plugin in it.
fn plugins() -> Vec<String> {
    let entries = std::fs::read_dir(PLUGINS).into_iter().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.to_owned();
            (name != "sdk" && path.join("Cargo.toml").exists()).then_some(name)
        })
        .collect();
    names.sort();
    names
}

fn tell(package: &str, component: &Path) {
    let name = package.to_uppercase().replace('-', "_");
    println!("cargo::rustc-env={name}={}", component.display());
}
