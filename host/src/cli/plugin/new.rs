//! `config-sync plugin new`: a project of a plugin, with everything that it is built from but a
//! compiler. The SDK and the contract come out of this very program, so they fit the host.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::ending;
use crate::cli::page::print;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct New {
    /// What it is
    kind: Kind,
    /// Its name, as config.yaml will say it; the project is made in a folder of this name
    name: String,
    /// What it is written in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: Language,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Decides whether the watched file has changed
    Detector,
    /// Says what a changed configuration means
    Handler,
    /// A step that calls pass through
    Middleware,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    Rust,
    Python,
    Js,
}

/// A path in the project, and what stands there.
type File = (&'static str, &'static str);

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../../templates/", $path))
    };
}

/// The interfaces and the SDK, laid there by `build.rs`.
const CONTRACT: &[File] = include!(concat!(env!("OUT_DIR"), "/wit.rs"));
const SDK: &[File] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

const RUST: &[File] = &[
    ("build", template!("rust/build")),
    ("Cargo.toml", template!("rust/Cargo.toml")),
    // The versions that the host's own plugins are built with; cargo strikes out the rest.
    ("Cargo.lock", include_str!("../../../../Cargo.lock")),
    ("README.md", template!("rust/README.md")),
    (".gitignore", "/target\n/*.wasm\n"),
    (
        "vendor/config-sync-sdk/Cargo.toml",
        template!("rust/sdk.toml"),
    ),
];

const PYTHON: &[File] = &[
    ("build", template!("python/build")),
    ("requirements.txt", template!("python/requirements.txt")),
    ("README.md", template!("python/README.md")),
    (".gitignore", "/.venv\n/*.wasm\n__pycache__\n"),
];

const JS: &[File] = &[
    ("build", template!("js/build")),
    ("build.mjs", template!("js/build.mjs")),
    ("package.json", template!("js/package.json")),
    ("README.md", template!("js/README.md")),
    (".gitignore", "/node_modules\n/*.wasm\n"),
];

impl New {
    pub(super) fn run(&self) -> ExitCode {
        ending::done(self.make(Path::new("")).map(|folder| {
            let (folder, name) = (folder.display(), &self.name);
            print(&format!(
                "{folder} is made; README.md there has the way to the running host\n\n  \
                 cd {folder} && ./build\n  \
                 config-sync plugin test {name}.wasm scenarios/*.yaml\n"
            ))
        }))
    }

    /// Makes the project in `place`.
    fn make(&self, place: &Path) -> Result<PathBuf, String> {
        let name = &self.name;
        if !is_name(name) {
            return Err(format!(
                "`{name}` is no name for a plugin: begin with a letter, and go on with letters, \
                 digits, `-` and `_`, up to 64"
            ));
        }
        // One package of that name is in each.
        if name == "config-sync-sdk" {
            return Err(format!("`{name}` is the SDK's own name; take another"));
        }
        let folder = place.join(name);
        let in_it = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!(
                    "{} exists; take another name, or remove it",
                    folder.display()
                )
            }
            _ => format!("{}: {error}", folder.display()),
        };
        fs::create_dir(&folder).map_err(in_it)?;
        for (path, text) in self.files() {
            write(&folder.join(path), &text).map_err(in_it)?;
        }
        Ok(folder)
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        let (source, scenario) = self.own();
        let (shared, more): (&[File], &[File]) = match self.lang {
            Language::Rust => (RUST, SDK),
            Language::Python => (PYTHON, &[]),
            Language::Js => (JS, &[]),
        };
        let templates = [source, ("scenarios/first.yaml", scenario)];
        let templates = templates.iter().chain(shared);
        let filled = templates.map(|(path, text)| (*path, self.fill(text)));
        // As they are: what looks like a gap there is none.
        let copied = more.iter().chain(CONTRACT);
        filled
            .chain(copied.map(|(path, text)| (*path, (*text).to_owned())))
            .collect()
    }

    /// The plugin itself, and its first scenario.
    fn own(&self) -> (File, &'static str) {
        let source = match (self.lang, self.kind) {
            (Language::Rust, Kind::Detector) => ("src/lib.rs", template!("rust/detector.rs")),
            (Language::Rust, Kind::Handler) => ("src/lib.rs", template!("rust/handler.rs")),
            (Language::Rust, Kind::Middleware) => ("src/lib.rs", template!("rust/middleware.rs")),
            (Language::Python, Kind::Detector) => ("plugin.py", template!("python/detector.py")),
            (Language::Python, Kind::Handler) => ("plugin.py", template!("python/handler.py")),
            (Language::Python, Kind::Middleware) => {
                ("plugin.py", template!("python/middleware.py"))
            }
            (Language::Js, Kind::Detector) => ("plugin.js", template!("js/detector.js")),
            (Language::Js, Kind::Handler) => ("plugin.js", template!("js/handler.js")),
            (Language::Js, Kind::Middleware) => ("plugin.js", template!("js/middleware.js")),
        };
        let scenario = match self.kind {
            Kind::Detector => template!("scenarios/detector.yaml"),
            Kind::Handler => template!("scenarios/handler.yaml"),
            Kind::Middleware => template!("scenarios/middleware.yaml"),
        };
        (source, scenario)
    }

    fn fill(&self, text: &str) -> String {
        let name = self.name.as_str();
        let underscores = name.replace('-', "_");
        let (kind, world, usage) = match self.kind {
            Kind::Detector => (
                "detector",
                "detector-plugin",
                format!("In config.yaml it is named by `sync: {{detection: {name}}}`."),
            ),
            Kind::Handler => (
                "reload handler",
                "reload-handler-plugin",
                format!("It reads the section `{underscores}` of config.yaml."),
            ),
            Kind::Middleware => (
                "middleware",
                "middleware-plugin",
                format!("In config.yaml: `middleware: [{{{name}: {{tools: [deploy]}}}}]`."),
            ),
        };
        text.replace("{{name}}", name)
            .replace("{{crate}}", &underscores)
            .replace("{{section}}", &underscores)
            .replace("{{kind}}", kind)
            .replace("{{world}}", world)
            .replace("{{use}}", &usage)
            .replace("{{contract}}", contract_version())
            .replace("{{version}}", env!("CARGO_PKG_VERSION"))
    }
}

/// The version of the package that the interfaces are of.
fn contract_version() -> &'static str {
    let package = CONTRACT.iter().find_map(|(_, text)| {
        let line = text.lines().find(|line| line.starts_with("package "))?;
        line.trim_end_matches(';').split_once('@')
    });
    package.map_or("", |(_, version)| version)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    if text.starts_with("#!") {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// A name that `detection:` can have, a crate too.
fn is_name(name: &str) -> bool {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.len() <= 64
        && name.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::testkit::Scenario;

    fn each() -> impl Iterator<Item = New> {
        let kinds = Kind::value_variants().iter();
        kinds.flat_map(|kind| {
            let languages = Language::value_variants().iter();
            languages.map(|lang| New {
                kind: *kind,
                name: "my-own".to_owned(),
                lang: *lang,
            })
        })
    }

    #[test]
    fn every_project_is_whole() {
        for new in each() {
            let place = tempfile::tempdir().unwrap();
            let folder = new.make(place.path()).unwrap();
            assert!(folder.join("wit/worlds.wit").exists());
            let build = folder.join("build").metadata().unwrap();
            assert_eq!(build.permissions().mode() & 0o111, 0o111);
            Scenario::read(&folder.join("scenarios/first.yaml")).unwrap();
            let (source, _) = new.own();
            for file in [source.0, "build", "README.md", "scenarios/first.yaml"] {
                let text = fs::read_to_string(folder.join(file)).unwrap();
                assert!(!text.contains("{{"), "{new:?}: {file} has a gap");
            }
            let again = new.make(place.path()).unwrap_err();
            assert!(
                again.ends_with("exists; take another name, or remove it"),
                "{again}"
            );
        }
    }

    #[test]
    fn the_sdk_goes_along_whole_and_is_built_from_the_same_crates() {
        assert!(
            SDK.iter()
                .any(|(path, _)| *path == "vendor/config-sync-sdk/src/lib.rs")
        );
        let ours = include_str!("../../../../plugins/sdk/Cargo.toml");
        let theirs = template!("rust/sdk.toml");
        let version = |text: &str| {
            let line = text.lines().find(|line| line.starts_with("wit-bindgen = "));
            line.map(str::to_owned).unwrap()
        };
        assert_eq!(version(ours), version(theirs));
    }

    #[test]
    fn a_name_is_one_that_a_crate_and_the_configuration_can_have() {
        for name in ["a", "size-of_2"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "2a", "../a", "a b", "ä", "-a", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
