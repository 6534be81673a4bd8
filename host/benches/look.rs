//! What one look costs, through the sandbox, beside what the operating system alone takes for it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;

use config_sync::config::PluginLimits;
use config_sync::plugin::{Library, PluginEngine};
use config_sync::target::{LocalFile, Target};
use config_sync::watch::{Detectors, FileEvent, Wake};
use criterion::{Criterion, criterion_group, criterion_main};

fn looks(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, "version: \"1\"\n".repeat(100)).unwrap();
    let target: Arc<dyn Target> = Arc::new(LocalFile::new(&path));
    let engine = PluginEngine::new(PluginLimits::default().into(), None).unwrap();
    let library = Library::built_in(engine);

    let mut group = criterion.benchmark_group("one look");
    group.bench_function("bare stat", |bencher| {
        bencher.iter(|| black_box(target.stat().unwrap()));
    });
    group.bench_function("bare digest", |bencher| {
        bencher.iter(|| black_box(target.digest().unwrap()));
    });
    group.bench_function("bare rest", |bencher| {
        bencher.iter(|| black_box(target.rest(false).unwrap()));
    });
    for (name, wake) in [
        ("mtime", Wake::Tick),
        ("hash", Wake::Tick),
        ("inotify", Wake::Tick),
        (
            "inotify",
            Wake::Events(vec![FileEvent::Written, FileEvent::Closed]),
        ),
    ] {
        let mut detector = library.detector(name).unwrap();
        let first = detector.observe(&target, &Wake::Start, None).unwrap();
        let label = match wake {
            Wake::Events(_) => format!("{name}, at an event"),
            _ => format!("{name}, at a tick"),
        };
        group.bench_function(label, |bencher| {
            bencher.iter(|| {
                let seen = detector.observe(&target, &wake, Some(&first.memory));
                black_box(seen.unwrap())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, looks);
criterion_main!(benches);
