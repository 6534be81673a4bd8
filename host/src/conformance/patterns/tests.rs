//! Plays every pattern with nobody watching, and holds it to what it says of itself.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::conformance::{Done, Expect, Halt, Scene, Timing};

/// What `mtime` looks at.
type Stat = Option<(i64, i64, u64, u64, u64)>;

fn stat(path: &Path) -> Stat {
    let meta = std::fs::metadata(path).ok()?;
    Some((
        meta.mtime(),
        meta.mtime_nsec(),
        meta.size(),
        meta.ino(),
        meta.dev(),
    ))
}

struct Played {
    pattern: &'static Pattern,
    before: (Option<Vec<u8>>, Stat),
    after: (Option<Vec<u8>>, Stat),
    done: Result<Done, Halt>,
}

fn play(pattern: &'static Pattern) -> Played {
    let timing = Timing {
        poll: Duration::from_millis(20),
        debounce: Duration::from_millis(60),
    };
    let scene = Scene::new(&std::env::temp_dir(), timing).unwrap();
    let look = || (scene.final_bytes().ok(), stat(&scene.path()));
    let prepared = pattern.prepare(&scene);
    let before = look();
    let done = prepared.and_then(|()| {
        std::thread::scope(|threads| {
            let script = threads.spawn(|| pattern.save(&scene));
            scene.start();
            scene.reload_began();
            script.join().unwrap()
        })
    });
    let after = look();
    Played {
        pattern,
        before,
        after,
        done,
    }
}

#[test]
fn every_pattern_does_to_the_file_what_it_says() {
    let played: Vec<Played> = std::thread::scope(|threads| {
        let scripts: Vec<_> = all().map(|one| threads.spawn(move || play(one))).collect();
        scripts.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let wrong: Vec<String> = played.iter().filter_map(complaint).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let skipped = played.iter().filter(|one| one.done.is_err()).count();
    assert!(skipped < played.len() / 4, "{skipped} were skipped");
}

fn complaint(played: &Played) -> Option<String> {
    let name = played.pattern.name;
    let done = match &played.done {
        Ok(done) => done,
        Err(Halt::Skip(reason)) => {
            println!("{name}: skipped: {reason}");
            return None;
        }
        Err(halt) => return Some(format!("{name}: {halt}")),
    };
    if played.after.0.as_ref() != Some(&done.bytes) {
        return Some(format!("{name}: the file does not hold the promised bytes"));
    }
    let changed = played.before.0 != played.after.0;
    if changed == (played.pattern.expect == Expect::NoChange) {
        return Some(format!("{name}: {}, but {changed}", played.pattern.expect));
    }
    let seen = played.before.1 != played.after.1;
    if changed && seen == played.pattern.mtime_blind.is_some() {
        return Some(format!("{name}: what stat sees of it ({seen}) is not so"));
    }
    None
}

#[test]
fn names_are_unique_and_easy_to_type() {
    let mut seen = HashSet::new();
    for pattern in all() {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let parts: Vec<&str> = pattern.name.split('-').collect();
        let typed = parts
            .iter()
            .all(|part| !part.is_empty() && part.chars().all(plain));
        assert!(typed, "{}", pattern.name);
        assert!(seen.insert(pattern.name), "{} twice", pattern.name);
        assert!(!pattern.about.is_empty(), "{}", pattern.name);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_mount_outlives_its_scene() {
    for pattern in all().filter(|one| one.name.starts_with("bind-mount")) {
        let timing = Timing {
            poll: Duration::ZERO,
            debounce: Duration::from_millis(60),
        };
        let scene = Scene::new(&std::env::temp_dir(), timing).unwrap();
        let folder = scene.path().parent().unwrap().parent().unwrap().to_owned();
        let _ = pattern.prepare(&scene).and_then(|()| pattern.save(&scene));
        drop(scene);
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(
            !mounts.contains(folder.to_str().unwrap()),
            "{}",
            pattern.name
        );
        assert!(!folder.exists(), "{}", pattern.name);
    }
}

#[test]
fn a_pattern_that_is_called_off_ends() {
    let slow = all().find(|one| one.name == "slow-writer").unwrap();
    let timing = Timing {
        poll: Duration::from_secs(3600),
        debounce: Duration::from_secs(3600),
    };
    let scene = Scene::new(&std::env::temp_dir(), timing).unwrap();
    slow.prepare(&scene).unwrap();
    scene.abandon();
    assert_eq!(slow.save(&scene), Err(Halt::Abandoned));
}
