//! `config-sync restore`: writes an earlier good configuration back over the file.

use std::path::Path;
use std::process::ExitCode;

use super::ending;
use super::find_config::ConfigArgument;
use super::find_state::StateArgument;
use super::page::{print, print_json};
use crate::manage;
use crate::memory::{self, RestoreError, Restored};

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    state: StateArgument,
    /// Which one, as `config-sync history` numbers them [default: the newest that differs from
    /// what the file holds]
    #[arg(long, value_name = "GENERATION")]
    to: Option<u64>,
    /// Write what was done as JSON
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(super) fn run(&self) -> ExitCode {
        ending::done(self.restore().map(|()| true))
    }

    fn restore(&self) -> Result<(), String> {
        let (path, root) = (self.config.find()?, self.state.must_find()?);
        match memory::restore(&root, &path, self.to) {
            Ok(done) if self.json => {
                return print_json(&manage::Restored::from(done));
            }
            Ok(done) => {
                print(&told(&path, &done));
            }
            // What was wanted is so.
            Err(RestoreError::Same {
                watched,
                generation,
                digest,
            }) if self.json => {
                return print_json(&manage::Restored {
                    generation,
                    digest,
                    file: watched,
                    owner_lost: false,
                    overwritten: None,
                });
            }
            Err(same @ RestoreError::Same { .. }) => {
                print(&format!("{same}\n"));
            }
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }
}

/// What was done, and the way back.
fn told(path: &Path, done: &Restored) -> String {
    let file = path.display();
    let short: String = done.digest.chars().take(8).collect();
    let mut told = format!(
        "{file} holds generation {} again, byte for byte (sha256 {short}...)\n",
        done.generation
    );
    if done.file != path {
        told.push_str(&format!(
            "written through links to {}\n",
            done.file.display()
        ));
    }
    if done.owner_lost {
        told.push_str("its owner could not be kept: it is yours now; run chown to give it back\n");
    }
    match &done.overwritten {
        Some(kept) => told.push_str(&format!(
            "what it held until now is kept; to undo: cp {} {}\n",
            quoted(kept),
            quoted(path)
        )),
        None => told.push_str(&format!(
            "there was no file before; to undo: rm {}\n",
            quoted(path)
        )),
    }
    told.push_str("a host that follows the file applies it as any other save\n");
    told
}

/// As a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_can_be_pasted() {
        let done = Restored {
            generation: 3,
            digest: "0123456789".into(),
            file: "/srv/real.yaml".into(),
            owner_lost: false,
            overwritten: Some("/state/it's.yaml".into()),
        };
        let told = told(Path::new("/etc/my app/config.yaml"), &done);
        assert!(
            told.contains(r"to undo: cp '/state/it'\''s.yaml' '/etc/my app/config.yaml'"),
            "{told}"
        );
        assert!(
            told.contains("written through links to /srv/real.yaml"),
            "{told}"
        );
    }
}
