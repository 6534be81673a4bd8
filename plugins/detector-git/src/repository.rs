//! Which commit is checked out, as git writes it down (gitrepository-layout(5)). Reads by what it
//! is given, and never an object.

use std::path::{Path, PathBuf};

/// Reads a file; nothing, where there is none, or it is not granted.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// A ref leads to a ref at most so often; git itself follows five.
const LINKS: usize = 5;

/// The folder of this repository: `git` itself, or, in a linked worktree, what stands in it.
pub(crate) fn at(git: &Path, read: Read<'_>) -> Option<PathBuf> {
    if read(&git.join("HEAD")).is_some() {
        return Some(git.to_owned());
    }
    let text = read(git)?;
    let led = text.strip_prefix("gitdir: ")?.trim_end();
    Some(git.parent()?.join(led))
}

/// The commit that `HEAD` leads to; of a branch without any, a word that says so.
///
/// # Errors
/// What cannot be read.
pub(crate) fn commit(folder: &Path, read: Read<'_>) -> Result<String, String> {
    let folder = at(folder, read).unwrap_or_else(|| folder.to_owned());
    // The refs of a linked worktree lie with those of the others.
    let shared = match read(&folder.join("commondir")) {
        Some(led) => folder.join(led.trim_end()),
        None => folder.clone(),
    };
    let head = folder.join("HEAD");
    let mut text =
        read(&head).ok_or_else(|| format!("{} cannot be read (grants.read)", head.display()))?;
    for _ in 0..LINKS {
        let Some(name) = text.trim_end().strip_prefix("ref: ") else {
            return hash(text.trim_end(), &head);
        };
        if name == "refs/heads/.invalid" {
            return Err(format!("{} keeps its refs as a reftable", shared.display()));
        }
        let loose = read(&folder.join(name)).or_else(|| read(&shared.join(name)));
        match loose.or_else(|| packed(&shared, name, read)) {
            Some(next) => text = next,
            None => return Ok("none".to_owned()),
        }
    }
    Err(format!("{} leads in a circle", head.display()))
}

fn packed(shared: &Path, name: &str, read: Read<'_>) -> Option<String> {
    let refs = read(&shared.join("packed-refs"))?;
    let mut lines = refs.lines().filter_map(|line| line.split_once(' '));
    lines
        .find(|(_, known)| *known == name)
        .map(|(hash, _)| hash.to_owned())
}

/// SHA-1 has 40 digits, SHA-256 has 64.
fn hash(text: &str, head: &Path) -> Result<String, String> {
    let is_hash = matches!(text.len(), 40 | 64) && text.bytes().all(|it| it.is_ascii_hexdigit());
    match is_hash {
        true => Ok(text.to_owned()),
        false => Err(format!("{} leads to no commit", head.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn commit_in(files: &[(&str, &str)]) -> Result<String, String> {
        let read = |path: &Path| {
            let found = files.iter().find(|(known, _)| Path::new(known) == path);
            found.map(|(_, text)| (*text).to_owned())
        };
        commit(Path::new("/r/.git"), &read)
    }

    #[test]
    fn a_branch_leads_to_its_commit_wherever_that_stands() {
        let head = ("/r/.git/HEAD", "ref: refs/heads/main\n");
        let loose = (
            "/r/.git/refs/heads/main",
            "1111111111111111111111111111111111111111\n",
        );
        let packed = (
            "/r/.git/packed-refs",
            "# pack-refs with: peeled fully-peeled sorted \n\
             1111111111111111111111111111111111111111 refs/heads/mainly\n\
             2222222222222222222222222222222222222222 refs/heads/main\n\
             ^1111111111111111111111111111111111111111\n",
        );
        assert_eq!(commit_in(&[head, loose]).as_deref(), Ok(ONE));
        assert_eq!(commit_in(&[head, packed]).as_deref(), Ok(TWO));
        // The newer one is loose.
        assert_eq!(commit_in(&[head, packed, loose]).as_deref(), Ok(ONE));
        assert_eq!(commit_in(&[head]).as_deref(), Ok("none"));
    }

    #[test]
    fn a_commit_may_be_checked_out_itself() {
        assert_eq!(commit_in(&[("/r/.git/HEAD", ONE)]).as_deref(), Ok(ONE));
    }

    #[test]
    fn a_linked_worktree_leads_to_the_repository_that_it_is_of() {
        let files = [
            ("/r/.git", "gitdir: /main/.git/worktrees/r\n"),
            ("/main/.git/worktrees/r/HEAD", "ref: refs/heads/side\n"),
            ("/main/.git/worktrees/r/commondir", "../..\n"),
            ("/main/.git/worktrees/r/../../refs/heads/side", TWO),
        ];
        assert_eq!(commit_in(&files).as_deref(), Ok(TWO));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let head = |text| [("/r/.git/HEAD", text)];
        for (files, told) in [
            (&[][..], "/r/.git/HEAD cannot be read"),
            (&head("ref: refs/heads/.invalid"), "reftable"),
            (&head("nonsense"), "leads to no commit"),
        ] {
            let wrong = commit_in(files).unwrap_err();
            assert!(wrong.contains(told), "{wrong}");
        }
        let circle = [
            ("/r/.git/HEAD", "ref: refs/heads/a"),
            ("/r/.git/refs/heads/a", "ref: refs/heads/a"),
        ];
        assert!(commit_in(&circle).unwrap_err().contains("circle"));
    }
}
