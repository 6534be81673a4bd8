//! The way to the target: every folder that is entered and every link that is followed. A
//! change at any step can make the path lead to another file, so each is worth watching.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Linux gives up after 40 links (`path_resolution(7)`); so does this.
const MAX_LINKS: usize = 40;

/// One name looked up in one folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step {
    /// The folder, with no link in its own path.
    pub folder: PathBuf,
    /// The name looked up in it: a folder, a link, or the file.
    pub name: OsString,
}

/// Every step from the root to the target, and where it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// In the order in which the operating system takes them.
    pub steps: Vec<Step>,
    /// The path that the target resolves to; it may not exist.
    pub end: PathBuf,
}

impl Route {
    /// Follows `path` (absolute) as far as it leads. A missing step ends the route there: the
    /// folder that lacks it is the last one worth watching.
    pub fn to(path: &Path) -> Self {
        let mut route = Self::default();
        let mut links = 0;
        let mut here = PathBuf::from("/");
        let mut ahead: Vec<OsString> = names(path);
        while let Some(name) = ahead.pop() {
            if name == ".." {
                here.pop();
                continue;
            }
            route.steps.push(Step {
                folder: here.clone(),
                name: name.clone(),
            });
            let next = here.join(&name);
            match std::fs::read_link(&next) {
                Ok(link) if links < MAX_LINKS => {
                    links += 1;
                    if link.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    ahead.extend(names(&link));
                }
                _ => {
                    here = next;
                    if !ahead.is_empty() && !here.is_dir() {
                        break;
                    }
                }
            }
        }
        route.end = here;
        route
    }

    /// Whether a change at this path can concern the target.
    pub fn concerns(&self, path: &Path) -> bool {
        path == self.end
            || self.steps.iter().any(|step| {
                path == step.folder
                    || (path.parent() == Some(&step.folder) && path.file_name() == Some(&step.name))
            })
    }
}

/// The names in a path, last first.
fn names(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_links_of_a_config_map_are_steps() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("..v1")).unwrap();
        std::fs::write(root.join("..v1/config.yaml"), "a: 1").unwrap();
        symlink("..v1", root.join("..data")).unwrap();
        symlink("..data/config.yaml", root.join("config.yaml")).unwrap();

        let route = Route::to(&root.join("config.yaml"));

        assert_eq!(route.end, root.join("..v1/config.yaml"));
        for name in ["config.yaml", "..data", "..v1", "..v1/config.yaml"] {
            assert!(route.concerns(&root.join(name)), "{name}: {route:?}");
        }
        assert!(!route.concerns(&root.join("audit.jsonl")));
    }

    #[test]
    fn a_loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loop");
        symlink("loop", &path).unwrap();
        assert!(Route::to(&path).steps.len() > MAX_LINKS);
    }

    #[test]
    fn a_missing_folder_ends_the_route_at_the_one_that_lacks_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let route = Route::to(&root.join("gone/config.yaml"));
        assert_eq!(route.steps.last().unwrap().folder, root);
        assert!(route.concerns(&root.join("gone")));
    }
}
