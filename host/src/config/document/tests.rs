use super::*;

fn document(text: &str) -> Document {
    match Document::parse("config.yaml", text.as_bytes()) {
        Parsed::Whole(document, problems) if problems.is_empty() => document,
        _ => panic!("{text}"),
    }
}

fn broken(bytes: &[u8]) -> String {
    match Document::parse("config.yaml", bytes) {
        Parsed::Broken(problems) => {
            assert!(!problems.pretty(false).is_empty());
            problems.to_string()
        }
        _ => panic!("{bytes:?}"),
    }
}

#[test]
fn a_file_without_a_value_is_empty() {
    for text in [
        "",
        "\n \n",
        "# x\n",
        "---\n",
        "--- # x\n",
        "null\n",
        "\u{feff}",
        "\u{feff}# x",
    ] {
        let parsed = Document::parse("config.yaml", text.as_bytes());
        assert!(matches!(parsed, Parsed::Empty), "{text:?}");
    }
}

#[test]
fn a_root_that_is_no_map_is_refused() {
    for (text, found) in [("[1]", "a list"), ("x", "text"), ("5", "a number")] {
        let expected = format!("config.yaml:1:1: expected a map of sections, found {found}");
        assert_eq!(broken(text.as_bytes()), expected);
    }
}

#[test]
fn bytes_that_are_no_text_are_named_with_their_place() {
    assert_eq!(
        broken(b"a: 1\nb\xc3\xa9: \xff\xfe\n"),
        "config.yaml:2:5: byte 0xff at offset 10 is not UTF-8; save the file as UTF-8"
    );
    assert_eq!(
        broken(b"\xff\xfea\0:\0"),
        "config.yaml:1:1: byte 0xff at offset 0 is not UTF-8; \
         this looks like UTF-16: save the file as UTF-8"
    );
    // Cut off in the middle of a character.
    assert!(broken(b"a: \xc3").starts_with("config.yaml:1:4: byte 0xc3 at offset 3"));
}

#[test]
fn a_huge_file_is_refused_unread() {
    let message = broken(&vec![b'#'; MAX_BYTES as usize + 1]);
    assert_eq!(
        message,
        "config.yaml: 8388609 bytes is too large: at most 8388608"
    );
}

#[test]
fn a_path_leads_to_its_place_or_to_the_nearest_ancestor() {
    let document = document(
        "backends:\n  git.hub:\n    command: npx\n    args:\n      - -y\n      - [a, {b: c}]\n  git: {command: x}\n",
    );
    for (path, place) in [
        ("backends", Some((1, 1))),
        ("backends.git.hub", Some((2, 3))),
        ("backends.git.hub.command", Some((3, 14))),
        ("backends.git.hub.args[0]", Some((5, 9))),
        ("backends.git.hub.args[1][1].b", Some((6, 17))),
        ("backends.git.command", Some((7, 18))),
        ("backends.git.hub.args[7]", Some((4, 5))),
        ("backends.git.hub.args[x", Some((4, 5))),
        ("backends.git.hub.command.x.y", Some((3, 14))),
        ("backends.other.command", Some((1, 1))),
        ("backends[0]", Some((1, 1))),
        ("sync.debounce", None),
        ("", None),
        (".", None),
    ] {
        let found = document.place_of(path).map(|it| (it.line, it.column));
        assert_eq!(found, place, "{path}");
    }
}

#[test]
fn problems_from_elsewhere_get_their_places() {
    let document = document("a:\n  b: 1\nc: 2\n");
    let problems = document.locate([
        Problem::error("c", "late"),
        Problem::error("a.b", "early"),
        Problem::error("nowhere", "last"),
    ]);
    assert_eq!(
        problems.to_string(),
        "config.yaml:2:6: a.b: early\nconfig.yaml:3:4: c: late\nconfig.yaml: nowhere: last"
    );
}
