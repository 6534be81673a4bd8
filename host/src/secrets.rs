//! What the placeholders of a configuration stand for: `${VAR}` a variable of the environment,
//! `${secret:NAME}` a secret, which is looked for in files that only the host can read, then in the
//! environment and the system's keyring. Asked where a backend is started or a middleware is set up, and by the check of
//! the file; what it answers goes nowhere else. Keeps nothing beyond one attempt: a secret that is
//! changed is the new one at the next start of what uses it.

mod keyring;

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keyring::Mute;

/// How a placeholder says that it is a secret.
const PREFIX: &str = "secret:";
/// Where services find what `systemd` has decrypted for them (`LoadCredential=`; systemd.exec(5)).
const OF_THE_SERVICE: &str = "CREDENTIALS_DIRECTORY";
/// A folder of one file for each secret, of the user's choice.
const OF_THE_USER: &str = "CONFIG_SYNC_SECRETS";
/// Where containers have theirs.
const OF_THE_CONTAINER: &str = "/run/secrets";
/// No secret is longer, in bytes; one file could otherwise fill the memory.
const LONGEST: u64 = 64 * 1024;

/// The value of a variable, or of a secret where the name begins with `secret:`; `None` when there
/// is none.
pub fn value_of(name: &str) -> Option<String> {
    Secrets::default().value_of(name)
}

/// The secrets of one attempt, which lives no longer: each is looked for once, so that what was
/// checked is what is used, and a keyring that did not answer is not waited for again.
#[derive(Default)]
pub struct Secrets {
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    by_name: HashMap<String, Option<String>>,
    keyring_is_mute: bool,
}

impl Secrets {
    /// As the function of this name.
    pub fn value_of(&self, name: &str) -> Option<String> {
        let variable = |name: &str| env::var(name).ok();
        match name.strip_prefix(PREFIX) {
            Some(secret) => self.secret(secret, &variable, &keyring::look_up),
            None => variable(name),
        }
    }

    fn secret(
        &self,
        name: &str,
        env: &dyn Fn(&str) -> Option<String>,
        keyring: &dyn Fn(&str) -> Result<Option<String>, Mute>,
    ) -> Option<String> {
        // Held while the keyring is asked: whoever else asks would have to wait for it as well.
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.by_name.get(name) {
            return known.clone();
        }
        let value = look_up(name, env).or_else(|| {
            let asked = match found.keyring_is_mute {
                true => Err(Mute),
                false => keyring(name),
            };
            found.keyring_is_mute = asked.is_err();
            asked.unwrap_or(None)
        });
        found.by_name.insert(name.to_owned(), value.clone());
        value
    }
}

/// Without what it holds.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

fn look_up(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let folder = |variable| env(variable).filter(|folder| !folder.is_empty());
    let of_the_user = folder(OF_THE_USER).unwrap_or_else(|| OF_THE_CONTAINER.to_owned());
    let folders = folder(OF_THE_SERVICE).into_iter().chain([of_the_user]);
    // The name is one of a file: the configuration's templates let no other pass.
    let files = folders.map(|folder| PathBuf::from(folder).join(name));
    files
        .filter_map(|path| read(&path))
        .next()
        .or_else(|| env(name))
}

/// The content of the file, without the line break that editors end it with.
fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    // Looked at first: opening a pipe would wait for a writer.
    let read = fs::metadata(path).and_then(|it| match it.is_file() {
        true => File::open(path)?
            .take(LONGEST + 1)
            .read_to_string(&mut text),
        false => Ok(0),
    });
    let why = match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => error.to_string(),
        Ok(0) => "it is empty, or no file".to_owned(),
        Ok(_) if text.len() as u64 > LONGEST => format!("it has more than {LONGEST} bytes"),
        Ok(_) if text.contains('\0') => "there is a NUL character in it".to_owned(),
        Ok(_) => {
            let end = text.trim_end_matches(['\n', '\r']).len();
            text.truncate(end);
            return Some(text);
        }
    };
    tracing::warn!(path = %path.display(), "this secret cannot be used: {why}");
    None
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    #[test]
    fn the_service_s_file_comes_before_the_user_s_and_that_before_the_environment() {
        let service = folder(&[("both", b"of the service\n")]);
        let user = folder(&[("both", b"of the user"), ("one", b"  of the user \r\n")]);
        let env = |name: &str| match name {
            OF_THE_SERVICE => Some(service.path().display().to_string()),
            OF_THE_USER => Some(user.path().display().to_string()),
            "both" | "one" | "bare" => Some("of the environment".to_owned()),
            _ => None,
        };
        let look_up = |name| look_up(name, &env);
        assert_eq!(look_up("both").unwrap(), "of the service");
        assert_eq!(look_up("one").unwrap(), "  of the user ");
        assert_eq!(look_up("bare").unwrap(), "of the environment");
        assert_eq!(look_up("none"), None);
    }

    #[test]
    fn each_secret_is_looked_for_once_and_a_mute_keyring_is_not_waited_for_again() {
        let user = folder(&[("filed", b"of the file")]);
        let env = |name: &str| (name == OF_THE_USER).then(|| user.path().display().to_string());
        let asked = std::cell::RefCell::new(Vec::new());
        let keyring = |name: &str| {
            asked.borrow_mut().push(name.to_owned());
            match name {
                "mute" => Err(Mute),
                "none" => Ok(None),
                name => Ok(Some(format!("{name} of the keyring"))),
            }
        };
        let secrets = Secrets::default();
        let value = |name| secrets.secret(name, &env, &keyring);
        for _ in 0..2 {
            assert_eq!(value("kept").unwrap(), "kept of the keyring");
            assert_eq!(value("none"), None);
            assert_eq!(value("mute"), None);
            assert_eq!(value("another"), None);
            assert_eq!(value("filed").unwrap(), "of the file");
        }
        assert_eq!(*asked.borrow(), ["kept", "none", "mute"]);
        assert_eq!(format!("{secrets:?}"), "Secrets(..)");
        // The next attempt asks anew.
        let another = Secrets::default().secret("another", &env, &keyring);
        assert_eq!(another.unwrap(), "another of the keyring");
    }

    #[test]
    fn what_is_no_text_of_that_length_is_no_secret() {
        let long = vec![b'x'; LONGEST as usize + 1];
        let user = folder(&[
            ("empty", b""),
            ("binary", b"\xff\xfe"),
            ("nul", b"a\0b"),
            ("long", &long),
            ("longest", &long[1..]),
        ]);
        fs::create_dir(user.path().join("folder")).unwrap();
        // Whoever opens it waits for somebody who writes.
        mkfifo(&user.path().join("pipe"), Mode::S_IRWXU).unwrap();
        let env = |name: &str| (name == OF_THE_USER).then(|| user.path().display().to_string());
        for name in ["empty", "binary", "nul", "long", "folder", "pipe"] {
            assert_eq!(look_up(name, &env), None, "{name}");
        }
        assert_eq!(look_up("longest", &env).unwrap().len() as u64, LONGEST);
    }
}
