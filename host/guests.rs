//! Builds guests of this workspace as components, from a build script.
//!
//! `host/build.rs` takes it as a module, and so does `tests/build.rs` by its path. It only builds:
//! what becomes of the components, the build script decides.

use std::env;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

/// The profile in the workspace manifest: guests are small whatever the profile of the host.
const PROFILE: &str = "guest";

/// What cargo and clippy tell the compiler of the outer build: flags for another processor,
/// `clippy-driver` in place of the compiler, a target of its own.
const OF_THE_OUTER_BUILD: [&str; 8] = [
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// Builds the packages, and gives each with its component.
///
/// The build script runs again when a plugin, the interfaces or a dependency changes. What else it
/// builds from, it says itself.
pub(crate) fn build(packages: &[&str]) -> Result<Vec<(String, PathBuf)>, String> {
    let root = workspace()?;
    for source in ["plugins", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    ensure_target()?;
    let target_dir = target_dir()?;
    compile(packages, &root, &target_dir)?;
    let folder = target_dir.join(TARGET).join(PROFILE);
    let component = |package: &&str| {
        let wasm = folder
            .join(package.replace('-', "_"))
            .with_extension("wasm");
        ((*package).to_owned(), wasm)
    };
    Ok(packages.iter().map(component).collect())
}

fn compile(packages: &[&str], root: &Path, target_dir: &Path) -> Result<(), String> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(root)
        // The outer build has just written Cargo.lock; two builds must not both edit it.
        .args([
            "build",
            "--locked",
            "--target",
            TARGET,
            "--profile",
            PROFILE,
        ])
        .arg("--target-dir")
        .arg(target_dir)
        .args(packages.iter().flat_map(|package| ["--package", *package]));
    for name in OF_THE_OUTER_BUILD {
        cargo.env_remove(name);
    }
    cargo
        // Set to nothing, it also stands over the flags in any cargo configuration.
        .env("CARGO_ENCODED_RUSTFLAGS", "")
        // A build folder shared with the outer build is locked by it: each would wait for the other.
        .env("CARGO_BUILD_BUILD_DIR", target_dir);
    run(&mut cargo)
}

/// `guests`, beside the folders of the profiles.
///
/// A target folder of its own, because the outer build holds the lock of its folder. And one for
/// all profiles, because the guests are the same in each. Cargo does not tell a build script where
/// its target folder is, but `OUT_DIR` lies in it: `<target>/<profile>/build/<package>/out`.
fn target_dir() -> Result<PathBuf, String> {
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    out_dir
        .ancestors()
        .find(|folder| folder.ends_with("build"))
        .and_then(|build| build.parent()?.parent())
        .map(|target| target.join("guests"))
        .ok_or_else(|| {
            format!(
                "OUT_DIR is not below a target folder: {}",
                out_dir.display()
            )
        })
}

/// Both packages that build guests are folders at the root of the workspace.
fn workspace() -> Result<PathBuf, String> {
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    package
        .parent()
        .map(Path::to_owned)
        .ok_or_else(|| format!("{} is not in a workspace", package.display()))
}

/// rust-toolchain.toml asks for the target, but not everyone's Rust comes from rustup.
fn ensure_target() -> Result<(), String> {
    if has_target()? {
        return Ok(());
    }
    let added = run(Command::new("rustup").args(["target", "add", TARGET]));
    if added.is_ok() && has_target()? {
        return Ok(());
    }
    Err(format!(
        "the plugins are WebAssembly components, and this Rust cannot build for {TARGET} yet. \
         Run: rustup target add {TARGET}"
    ))
}

fn has_target() -> Result<bool, String> {
    let mut rustc = Command::new(variable("RUSTC")?);
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let output = rustc.output().map_err(|error| failed(&rustc, error))?;
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(command, status)),
        Err(error) => Err(failed(command, error)),
    }
}

fn failed(command: &Command, why: impl Display) -> String {
    format!("{command:?}: {why}")
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}; this is a build script of cargo's"))
}
