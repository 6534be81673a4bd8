//! Files that nobody wrote in good faith, and files that an editor broke half-way.

use super::*;

/// What a hostile file must not do is take long, so what each does is not looked at.
#[test]
fn hostile_files_end_soon() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect();
    let variables: String = many(50_000, &|n| format!("${{V{n}}}"));
    let files: [String; 11] = [
        many(15_000, &|n| format!("backendz{n}: 1\n")),
        format!("sync:\n{}", many(15_000, &|n| format!("  polll{n}: 1\n"))),
        format!(
            "backends:\n{}",
            many(5_000, &|n| format!("  a{n}: {{comand: x}}\n"))
        ),
        format!(
            "conflict_resolution:\n  order: [{}]\n",
            many(15_000, &|n| format!("b{n}, "))
        ),
        format!("backends: {{a: {{command: \"{variables}\"}}}}\n"),
        format!(
            "? {}\n: [{}]\n",
            "k".repeat(1 << 20),
            many(15_000, &|n| format!(".nan, {n}, "))
        ),
        format!("middleware: [{}]\n", "audit, ".repeat(15_000)),
        format!(
            "middleware:\n{}",
            many(10_000, &|n| format!("- {{name: n{n}, type: audit}}\n"))
        ),
        format!(
            "middleware:\n{}",
            many(5_000, &|n| format!(
                "- {{name: n{n}, type: redact, patterns: ['\\w{{50}}{n}']}}\n"
            ))
        ),
        format!(
            "middleware:\n{}",
            many(5_000, &|n| format!(
                "- {{name: n{n}, type: deny, tools: ['*a*{n}[!x]?*']}}\n"
            ))
        ),
        format!("a: {}\n", "x".repeat(8 << 20)),
    ];
    for file in &files {
        if let Load::Invalid(problems) = load_text(file) {
            assert!(problems.lines().len() <= 101);
            assert!(problems.pretty(false).len() < 1 << 17);
        }
    }
}

/// A step of xorshift: enough to choose bytes, and the same in every run.
fn next(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    (*seed >> 33) as usize
}

#[test]
fn mutated_files_never_panic_and_every_place_is_inside() {
    let pieces: [&[u8]; 24] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b": ",
        b"- ",
        b"? ",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!x ",
        b"|\n",
        b">-\n",
        b"\"",
        b"'",
        b"#",
        b"\t",
        b"\r",
        b"\0",
        b"\xff",
        "\u{feff}".as_bytes(),
        b"${",
        b"---\n",
        "é\u{2028}".as_bytes(),
    ];
    let mut seed = 0x5eed;
    for _ in 0..1500 {
        let mut bytes = FULL.as_bytes().to_vec();
        for _ in 0..1 + next(&mut seed) % 4 {
            let from = next(&mut seed) % bytes.len();
            let to = (from + next(&mut seed) % 12).min(bytes.len());
            let piece = pieces[next(&mut seed) % pieces.len()];
            bytes.splice(from..to, piece.iter().copied());
        }
        if let Load::Invalid(problems)
        | Load::Valid {
            warnings: problems, ..
        } = load("config.yaml", &bytes, &env, Known::default())
        {
            let lossy = String::from_utf8_lossy(&bytes);
            let lines = lossy.split(['\n', '\r']).count();
            for place in problems.iter().filter_map(|it| it.place.as_ref()) {
                assert!(place.range.start <= place.range.end, "{place:?}");
                assert!(place.range.end <= lossy.len(), "{place:?} {lossy}");
                assert!(
                    (1..=lines).contains(&place.line) && place.column >= 1,
                    "{place:?}"
                );
            }
            assert_eq!(problems.is_empty(), problems.pretty(true).is_empty());
        }
    }
}
