//! How an answer differs from what was expected, for people. Pure.

use serde_json::{Map, Value};

/// `- ` before lines that were expected, `+ ` before those that came instead, `  ` before those
/// that both have; nothing if all that is expected came.
pub(super) fn lines(expected: &Map<String, Value>, answer: &Map<String, Value>) -> Vec<String> {
    let same = expected
        .iter()
        .all(|(key, value)| answer.get(key) == Some(value));
    if same {
        return Vec::new();
    }
    // What nobody asked about stays out, unless it came instead.
    let instead = !expected.keys().any(|key| answer.contains_key(key));
    let shown = answer.iter().filter(|(key, _)| match key.as_str() {
        "fault" | "message" => true,
        "memory" | "log" | "sent" => expected.contains_key(*key),
        _ => instead || expected.contains_key(*key),
    });
    let shown = shown
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    compare(&text(expected), &text(&shown))
}

/// A value as scenarios have it.
pub(super) fn text(value: &Map<String, Value>) -> Vec<String> {
    let yaml = serde_yaml::to_string(value).unwrap_or_default();
    yaml.lines().map(str::to_owned).collect()
}

/// The longest lines in common stay.
fn compare(before: &[String], after: &[String]) -> Vec<String> {
    let (rows, columns) = (before.len(), after.len());
    let mut common = vec![vec![0; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = match before[row] == after[column] {
                true => common[row + 1][column + 1] + 1,
                false => common[row + 1][column].max(common[row][column + 1]),
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut lines = Vec::new();
    while row < rows || column < columns {
        if row < rows && column < columns && before[row] == after[column] {
            lines.push(format!("  {}", before[row]));
            (row, column) = (row + 1, column + 1);
        } else if row < rows
            && (column == columns || common[row + 1][column] >= common[row][column + 1])
        {
            lines.push(format!("- {}", before[row]));
            row += 1;
        } else {
            lines.push(format!("+ {}", after[column]));
            column += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn between(expected: Value, answer: Value) -> Vec<String> {
        lines(expected.as_object().unwrap(), answer.as_object().unwrap())
    }

    #[test]
    fn what_nobody_asked_about_does_not_count() {
        let answer = json!({ "verdict": "changed", "note": "size 1 -> 2" });
        assert!(between(json!({ "verdict": "changed" }), answer).is_empty());
    }

    #[test]
    fn lines_that_differ_are_told_apart() {
        let expected = json!({ "verdict": "changed", "note": "size 1 -> 2" });
        let answer = json!({ "verdict": "changed", "note": "size 1 -> 3", "memory": "x" });
        assert_eq!(
            between(expected, answer),
            [
                "  verdict: changed",
                "- note: size 1 -> 2",
                "+ note: size 1 -> 3"
            ]
        );
    }

    #[test]
    fn a_fault_in_place_of_an_answer_is_shown() {
        let fault = json!({ "fault": "trap", "message": "unreachable" });
        assert_eq!(
            between(json!({ "verdict": "changed" }), fault),
            [
                "- verdict: changed",
                "+ fault: trap",
                "+ message: unreachable"
            ]
        );
    }
}
