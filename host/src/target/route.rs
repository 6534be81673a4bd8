//! The way to the target: every folder that is entered and every link that is followed. A
//! change at any step can make the path lead to another file, so each is worth watching.

use std::collections::HashMap;
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
    /// The folder on the way that is missing, at which the route ends.
    pub gone: Option<PathBuf>,
}

/// What stands at a path on the way.
#[derive(Debug, Clone)]
enum Stands {
    Link(PathBuf),
    Folder,
    /// A file, or nothing.
    End,
}

/// What stands on the way to files, asked once each: many files share most of their steps.
#[derive(Debug, Default)]
pub struct Links(HashMap<PathBuf, Stands>);

impl Links {
    fn at(&mut self, path: &Path, last: bool) -> Stands {
        if let Some(known) = self.0.get(path) {
            return known.clone();
        }
        let stands = match std::fs::read_link(path) {
            Ok(link) => Stands::Link(link),
            Err(_) if !last && path.is_dir() => Stands::Folder,
            Err(_) => Stands::End,
        };
        // Nobody else asks about the last name.
        if !last {
            self.0.insert(path.to_owned(), stands.clone());
        }
        stands
    }
}

impl Route {
    /// Follows `path` (absolute) as far as it leads. A missing step ends the route there: the
    /// folder that lacks it is the last one worth watching.
    pub fn to(path: &Path, known: &mut Links) -> Self {
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
            match known.at(&next, ahead.is_empty()) {
                Stands::Link(link) if links < MAX_LINKS => {
                    links += 1;
                    if link.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    ahead.extend(names(&link));
                }
                Stands::Folder => here = next,
                Stands::Link(_) | Stands::End => {
                    here = next;
                    route.gone = (!ahead.is_empty()).then(|| here.clone());
                    break;
                }
            }
        }
        route.end = here;
        route
    }

    /// Every path at which a change can concern the target.
    pub fn places(&self) -> impl Iterator<Item = PathBuf> {
        let steps = self
            .steps
            .iter()
            .flat_map(|step| [step.folder.clone(), step.folder.join(&step.name)]);
        steps.chain([self.end.clone()])
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

        let route = Route::to(&root.join("config.yaml"), &mut Links::default());

        assert_eq!(route.end, root.join("..v1/config.yaml"));
        let places: Vec<_> = route.places().collect();
        for name in ["config.yaml", "..data", "..v1", "..v1/config.yaml"] {
            assert!(places.contains(&root.join(name)), "{name}: {route:?}");
        }
    }

    #[test]
    fn a_loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loop");
        symlink("loop", &path).unwrap();
        let route = Route::to(&path, &mut Links::default());
        assert!(route.steps.len() > MAX_LINKS);
    }

    #[test]
    fn a_missing_folder_ends_the_route_at_the_one_that_lacks_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let route = Route::to(&root.join("gone/config.yaml"), &mut Links::default());
        assert_eq!(route.steps.last().unwrap().folder, root);
        assert_eq!(route.gone, Some(root.join("gone")));
    }
}
