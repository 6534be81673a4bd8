//! What lies beyond a plugin in a scenario: which variables and files there are, what a server
//! answers, whether signals arrive. The files lie in a folder of the bench's own, which stands for
//! the root of the file system.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::config::{MapReader, PluginGrants, Value};
use crate::plugin::{HttpAnswer, Isolation, Outside};

/// Files by their paths; nothing, where there is none any more.
type Files = BTreeMap<PathBuf, Option<String>>;

/// What a scenario says of it, at the beginning or later.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Beyond {
    variables: BTreeMap<String, String>,
    files: Files,
    http: Option<HttpAnswer>,
    /// Why signals do not arrive; nothing inside, where they do.
    signals_fail: Option<Option<String>>,
}

/// What a server may do but answer.
const FAILURES: [(&str, HttpAnswer); 2] = [
    ("refused", HttpAnswer::Refused),
    ("silent", HttpAnswer::Silent),
];

impl Beyond {
    /// What stands at the top of a scenario.
    pub(super) fn at_the_beginning(map: &mut MapReader<'_>) -> Self {
        let variables = map.get("env").and_then(|value| value.map());
        let variables = variables.map(|map| {
            map.values().filter_map(|(name, value)| {
                Some((name.to_owned(), value.written_text()?.to_owned()))
            })
        });
        Self {
            variables: variables.into_iter().flatten().collect(),
            files: files(map),
            ..Self::default()
        }
    }

    /// What changes in the middle of it.
    pub(super) fn later(value: &Value<'_>) -> Option<Self> {
        let mut map = value.map()?;
        let later = Self {
            files: files(&mut map),
            http: map.get("http").and_then(|value| http(&value)),
            signals_fail: map.entry("signals_fail").map(|value| {
                let why = value.json();
                why.as_str().map(str::to_owned)
            }),
            ..Self::default()
        };
        map.finish();
        Some(later)
    }
}

fn files(map: &mut MapReader<'_>) -> Files {
    let Some(map) = map.get("files").and_then(|value| value.map()) else {
        return Files::new();
    };
    let each = map.values().filter_map(|(path, value)| {
        if !is_whole(Path::new(path)) {
            value.key_error("expected an absolute path, without `..`", None);
            return None;
        }
        let text = match value.json() {
            serde_json::Value::Null => None,
            _ => Some(value.written_text()?.to_owned()),
        };
        Some((path.into(), text))
    });
    each.collect()
}

/// Whether it leads to one place below the root, and nowhere else.
fn is_whole(path: &Path) -> bool {
    let mut parts = path.components();
    parts.next() == Some(Component::RootDir)
        && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn http(value: &Value<'_>) -> Option<HttpAnswer> {
    let mut map = value.map()?;
    if let Some(fails) = map.get("fails") {
        let word = fails.written_text()?;
        let known = FAILURES.iter().find(|(known, _)| *known == word);
        if known.is_none() {
            let words = FAILURES.map(|(word, _)| word).join(", ");
            fails.error(format!("`{word}` is none of {words}"), None);
        }
        map.finish();
        return known.map(|(_, answer)| answer.clone());
    }
    let status = map.integer("status", 100..=599, "", 200);
    let headers = map.get("headers").and_then(|it| it.map());
    let headers = headers.map(|map| {
        map.values()
            .filter_map(|(name, value)| Some((name.to_owned(), value.written_text()?.to_owned())))
    });
    let headers = headers.into_iter().flatten().collect();
    let body = map.get("body").and_then(|it| it.written_text());
    map.finish();
    Some(HttpAnswer::Response {
        status: status as u16,
        headers,
        body: body.unwrap_or_default().to_owned(),
    })
}

/// The world around one scenario under way.
pub(super) struct Surroundings {
    outside: Outside,
    /// The root of its files, while there is one.
    root: Option<TempDir>,
}

impl Surroundings {
    /// As it is at the beginning.
    ///
    /// # Errors
    /// When there is no room for its files.
    pub(super) fn new(
        isolation: &Isolation,
        beyond: &Beyond,
        grants: &PluginGrants,
    ) -> Result<Self, String> {
        let mut surroundings = Self {
            outside: Outside::default(),
            root: None,
        };
        if !grants.read.is_empty() || !beyond.files.is_empty() {
            let root = TempDir::new().map_err(|error| format!("the scenario's files: {error}"))?;
            surroundings.outside.root = Some(root.path().to_owned());
            surroundings.root = Some(root);
        }
        for folder in &grants.read {
            if !is_whole(folder) {
                let folder = folder.display();
                return Err(format!(
                    "grants.read: {folder}: expected an absolute path, without `..`"
                ));
            }
            let made = fs::create_dir_all(surroundings.place_of(folder));
            made.map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        surroundings.become_like(isolation, beyond)?;
        Ok(surroundings)
    }

    /// Whatever is said, becomes so.
    ///
    /// # Errors
    /// When a file cannot be laid there.
    pub(super) fn become_like(
        &mut self,
        isolation: &Isolation,
        beyond: &Beyond,
    ) -> Result<(), String> {
        let variables = beyond.variables.clone();
        self.outside.variables.extend(variables);
        if let Some(http) = &beyond.http {
            self.outside.http = http.clone();
        }
        if let Some(why) = &beyond.signals_fail {
            self.outside.signals_fail.clone_from(why);
        }
        for (path, text) in &beyond.files {
            self.lay(path, text.as_deref(), isolation.time())
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        isolation.set_outside(self.outside.clone());
        Ok(())
    }

    fn lay(&mut self, path: &Path, text: Option<&str>, now: Duration) -> std::io::Result<()> {
        if self.root.is_none() {
            let message = "no folder is granted (grants.read), so no file is seen";
            return Err(std::io::Error::other(message));
        }
        let place = self.place_of(path);
        match text {
            None => fs::remove_file(place),
            Some(text) => {
                place.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(&place, text)?;
                let now = SystemTime::UNIX_EPOCH + now;
                let times = FileTimes::new().set_accessed(now).set_modified(now);
                File::options().write(true).open(place)?.set_times(times)
            }
        }
    }

    fn place_of(&self, path: &Path) -> PathBuf {
        let root = self.root.as_ref().map_or(Path::new("/"), TempDir::path);
        root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(folder: &str) -> PluginGrants {
        PluginGrants {
            read: vec![folder.into()],
            ..PluginGrants::default()
        }
    }

    #[test]
    fn no_folder_that_is_granted_leads_out_of_the_bench() {
        let outside = TempDir::new().unwrap();
        let up = "/..".repeat(32);
        let made = outside.path().join("made");
        let folder = format!("{up}{}", made.display());
        let surroundings =
            Surroundings::new(&Isolation::default(), &Beyond::default(), &granted(&folder));
        let refused = surroundings.map(|_| ()).unwrap_err();
        assert!(refused.ends_with("without `..`"), "{refused}");
        assert!(!made.exists());
    }

    #[test]
    fn files_are_as_old_as_the_clock_of_the_bench_says() {
        let isolation = Isolation::default();
        let now = Duration::from_secs(1_000_000);
        isolation.set_time(now);
        let beyond = Beyond {
            files: [("/srv/a".into(), Some("text".to_owned()))].into(),
            ..Beyond::default()
        };
        let surroundings = Surroundings::new(&isolation, &beyond, &granted("/srv")).unwrap();
        let file = fs::metadata(surroundings.place_of(Path::new("/srv/a"))).unwrap();
        assert_eq!(file.modified().unwrap(), SystemTime::UNIX_EPOCH + now);
    }
}
