//! Whatever stands in the file, or in its place: the last good configuration serves, an event says
//! what is wrong and what to do, and the right bytes are `no-change` again.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::harness::List::Tools;
use super::harness::{Client, Host, config, demo};

for_each_detector!(
    a_wrong_configuration_changes_nothing,
    a_file_that_is_none_changes_nothing
);

async fn a_wrong_configuration_changes_nothing(detector: &str) {
    let one = demo("one", "echo,whoami");
    let text = config(detector, &one, "");
    let mut host = Host::start(&text).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("whoami").await;

    let unknown_command = format!("{one}  bad: {{command: /no/such/program}}\n");
    let conflict = format!("{one}{}", demo("two", "echo"));
    let wrong = [
        (
            "invalid YAML",
            format!("{text}middleware: [unclosed\n"),
            ["rejected: config.yaml:", "the last good state serves"],
        ),
        (
            "no YAML at all",
            "\u{1f980}: }{\t- *\n".to_owned(),
            ["rejected: config.yaml:1:", "the last good state serves"],
        ),
        (
            "a wrong type",
            text.replace("poll_interval: 0.05", "poll_interval: often"),
            [
                "rejected: config.yaml:3:23: sync.poll_interval:",
                "expected 0.01 to 86400 seconds, found text",
            ],
        ),
        (
            "an unknown key",
            text.replace("poll_interval", "pol_interval"),
            [
                "rejected: config.yaml:3:8: sync.pol_interval: unknown key",
                "did you mean `poll_interval`?",
            ],
        ),
        (
            "a command that does not exist",
            config(detector, &unknown_command, ""),
            [
                "failed: config.yaml:6:3: backends.bad: it does not start: the command \
                 `/no/such/program` does not exist",
                "give its full path, or install it",
            ],
        ),
        (
            "a conflict that may not be",
            config(
                detector,
                &conflict,
                "conflict_resolution: {strategy: error}\n",
            ),
            ["rejected: config.yaml:", "`echo`"],
        ),
    ];
    for (what, wrong, said) in wrong {
        let event = host.settle(&wrong).await;
        assert_eq!(event.kind, "error", "{what}: {event:?}");
        for said in said {
            assert!(event.message.contains(said), "{what}: {}", event.message);
        }
        assert_eq!(client.process("whoami").await, process, "{what}");
        let event = host.settle(&text).await;
        assert_eq!(event.kind, "no-change", "after {what}: {event:?}");
        assert_eq!(event.generation, 1);
    }

    let event = host.apply(&text.replace("echo,", "echo,add,")).await;
    assert_eq!(event.generation, 2);
    assert_eq!(client.told(1).await, [Tools]);
    assert!(host.stop().await.success());
}

async fn a_file_that_is_none_changes_nothing(detector: &str) {
    let text = config(detector, &demo("one", "echo,whoami"), "");
    let mut host = Host::start(&text).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("whoami").await;
    let path = host.config();

    // Away, and back.
    fs::remove_file(&path).unwrap();
    no_change(&mut host, "not found").await;
    assert_eq!(client.process("whoami").await, process);
    no_change_by(&mut host, &text).await;

    // Empty.
    host.rewrite("");
    no_change(&mut host, "is empty").await;
    no_change_by(&mut host, &text).await;

    // A folder in its place.
    fs::remove_file(&path).unwrap();
    no_change(&mut host, "not found").await;
    fs::create_dir(&path).unwrap();
    no_change(&mut host, "not a regular file").await;
    assert_eq!(client.process("whoami").await, process);
    fs::remove_dir(&path).unwrap();
    no_change_by(&mut host, &text).await;

    // Not to be read, unless by root, for whom nothing has changed.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // `mtime` does not read, and nothing was modified.
    if detector != "mtime" && fs::read(&path).is_err() {
        no_change(&mut host, "permission denied").await;
    }
    assert_eq!(client.process("whoami").await, process);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    no_change_by(&mut host, &text).await;

    // A megabyte of noise.
    let noise = noise(1 << 20);
    let event = host.settle(&noise).await;
    assert_eq!(event.kind, "error", "{event:?}");
    assert!(event.message.len() < 1000, "{}", event.message);
    let answer = client.call("echo", json!({"text": "still here"})).await;
    assert_eq!(answer.unwrap(), "still here");
    no_change_by(&mut host, &text).await;

    let event = host.apply(&text.replace("echo,", "echo,add,")).await;
    assert_eq!(event.generation, 2);
    assert_eq!(client.told(1).await, [Tools]);
    let errors = host.events().into_iter().filter(|it| it.kind == "error");
    assert_eq!(errors.count(), 1, "the noise");
}

async fn no_change(host: &mut Host, said: &str) {
    let event = host.event(said, |event| event.message.contains(said)).await;
    assert_eq!(event.kind, "no-change", "{event:?}");
}

/// The right bytes are back.
async fn no_change_by(host: &mut Host, text: &str) {
    host.save(text);
    let event = host.event("no change", |event| event.kind == "no-change");
    assert_eq!(event.await.generation, 1);
}

/// Bytes without rhyme or reason, the same at each run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}
