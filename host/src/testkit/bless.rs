//! Writes what a plugin answered into the scenario, as what is expected from now on. Changes the
//! lines of `expect` and no others, so comments stay; a scenario that would not read the same
//! afterwards is left as it is.

mod in_braces;

use std::path::Path;

use serde_json::{Map, Value};

use super::bench::{Played, Run};
use super::difference;
use super::scenario::{Expect, Scenario, Step};

/// The text of the scenario with the answers of this run; `None` if there is nothing to write.
///
/// # Errors
/// Where it cannot be written.
pub fn bless(scenario: &Scenario, run: &Run) -> Result<Option<String>, String> {
    let mut lines: Vec<String> = scenario.text.lines().map(str::to_owned).collect();
    let mut written = false;
    // From the end, so that the lines before stay where they are.
    for (step, played) in scenario.steps.iter().zip(&run.steps).rev() {
        let Some(answer) = &played.answer else {
            continue;
        };
        if step.expect.is_some() && played.is_good() {
            continue;
        }
        write(&mut lines, scenario, step, answer)?;
        written = true;
    }
    if !written {
        return Ok(None);
    }
    let newline = newline(&scenario.text);
    let text = lines.join(newline) + newline;
    check(scenario, run, &text)?;
    Ok(Some(text))
}

/// How its lines end.
fn newline(text: &str) -> &'static str {
    match text.contains("\r\n") {
        true => "\r\n",
        false => "\n",
    }
}

fn write(
    lines: &mut Vec<String>,
    scenario: &Scenario,
    step: &Step,
    answer: &Map<String, Value>,
) -> Result<(), String> {
    let by_hand = |line: usize| {
        let name = &scenario.name;
        format!("{name}:{line}: what is expected cannot be written here; write it by hand")
    };
    let first = step.line.saturating_sub(1);
    let start = lines.get(first).ok_or_else(|| by_hand(step.line))?;
    let dash = indent(start);
    let indent_of_keys = match start[dash..].strip_prefix('-') {
        Some(rest) if rest.trim_start().starts_with('{') => {
            let new = in_braces(lines, newline(&scenario.text), step, answer);
            let (end, text) = new.ok_or_else(|| by_hand(step.line))?;
            lines.splice(first..end, text.lines().map(str::to_owned));
            return Ok(());
        }
        Some(rest) => dash + 1 + indent(rest),
        None => return Err(by_hand(step.line)),
    };
    let at = step.expect.as_ref().map(|expect| line_of(scenario, expect));
    let (from, to, comment) = match at {
        Some(line) => {
            let text = lines.get(line).ok_or_else(|| by_hand(line + 1))?;
            if line == first || indent(text) != indent_of_keys {
                return Err(by_hand(line + 1));
            }
            let comment = text.find(" #").map(|at| text[..at].trim_end().len());
            let comment = comment.map(|at| text[at..].to_owned());
            let end = end_of(lines, line, indent_of_keys + 1);
            (line, end, comment.unwrap_or_default())
        }
        None => {
            let end = end_of(lines, first, indent_of_keys);
            (end, end, String::new())
        }
    };
    let wanted = wanted(step, answer);
    let mut new = Vec::new();
    let pad = " ".repeat(indent_of_keys);
    match word(step, &wanted) {
        Some(word) => new.push(format!("{pad}expect: {word}{comment}")),
        None => {
            new.push(format!("{pad}expect:{comment}"));
            let inner = difference::text(&wanted);
            new.extend(inner.iter().map(|line| format!("{pad}  {line}")));
        }
    }
    lines.splice(from..to, new);
    Ok(())
}

/// The step that starts with a brace, with what is expected now, and the line after it.
fn in_braces(
    lines: &[String],
    newline: &str,
    step: &Step,
    answer: &Map<String, Value>,
) -> Option<(usize, String)> {
    let first = step.line.checked_sub(1)?;
    let start = lines.get(first)?;
    let end = end_of(lines, first, indent(start) + 1);
    let text = lines.get(first..end)?.join(newline);
    let brace = text.find('{')?;
    // What stands before the step is still as it was.
    let before = lines.iter().take(first);
    let begins: usize = before.map(|line| line.len() + newline.len()).sum();
    let key = step.expect.as_ref().map(|expect| expect.key.start);
    let key = key.map(|key| key.checked_sub(begins + brace));
    let wanted = wanted(step, answer);
    let expect = word(step, &wanted).unwrap_or_else(|| Value::Object(wanted).to_string());
    let (before, braces) = text.split_at(brace);
    let braces = match key {
        Some(key) => in_braces::written(braces, Some(key?), &expect)?,
        None => in_braces::written(braces, None, &expect)?,
    };
    Some((end, format!("{before}{braces}")))
}

/// Of the answer, what the scenario asked about; where it did not ask, or something else came, what
/// matters to most.
fn wanted(step: &Step, answer: &Map<String, Value>) -> Map<String, Value> {
    let asked = step.expect.as_ref().map(|expect| &expect.answer);
    let is_fault = answer.contains_key("fault");
    let kept = asked.filter(|asked| asked.keys().all(|key| answer.contains_key(key)));
    let pick = |(key, value): (&String, &Value)| {
        let wanted = match (kept, key.as_str()) {
            (Some(asked), key) => asked.contains_key(key),
            (None, "memory" | "log" | "message") => false,
            (None, "note") => !is_fault && value != "",
            (None, _) => true,
        };
        wanted.then(|| (key.clone(), value.clone()))
    };
    answer.iter().filter_map(pick).collect()
}

/// The one word that says it all.
fn word(step: &Step, wanted: &Map<String, Value>) -> Option<String> {
    let first = step.action.answers().first()?;
    let word = wanted.get(*first).filter(|_| wanted.len() == 1)?;
    Some(word.as_str()?.to_owned())
}

/// The line, counted from 0, in which the key `expect` stands.
fn line_of(scenario: &Scenario, expect: &Expect) -> usize {
    let start = expect.key.start.min(scenario.text.len());
    scenario.text.as_bytes()[..start]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}

/// The first line after `start` that is indented less than `least`, without what is empty or a
/// comment before it.
fn end_of(lines: &[String], start: usize, least: usize) -> usize {
    let belongs = |line: &String| line.trim().is_empty() || indent(line) >= least;
    let after = lines.iter().skip(start + 1);
    let mut end = start + 1 + after.take_while(|line| belongs(line)).count();
    while end > start + 1 {
        let last = lines[end - 1].as_str();
        let comment = last.trim_start().starts_with('#') && indent(last) <= least;
        if !last.trim().is_empty() && !comment {
            break;
        }
        end -= 1;
    }
    end
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The new text says the same, and expects what came.
fn check(scenario: &Scenario, run: &Run, text: &str) -> Result<(), String> {
    let wrong = || {
        format!(
            "{}: what is expected cannot be written into it",
            scenario.name
        )
    };
    let again = Scenario::parse(&scenario.name, Path::new(""), text.as_bytes())
        .map_err(|problems| format!("{}: {problems}", wrong()))?;
    let same = scenario.steps.len() == again.steps.len()
        && (scenario.steps.iter().zip(&again.steps))
            .all(|(before, now)| format!("{:?}", before.action) == format!("{:?}", now.action));
    let good = again.steps.iter().zip(&run.steps).all(|(step, played)| {
        let expected = step.expect.as_ref().map(|expect| expect.answer.clone());
        let played = Played {
            expected,
            ..played.clone()
        };
        played.is_good()
    });
    match same && good {
        true => Ok(()),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plugin::Used;

    const BEFORE: &str = "\
# A comment at the top.
timeline:
  - start:
  # before the write
  - write: |
      a: 1
      # part of the file

  - tick:
    expect: unchanged   # by size

  - events: [written]
    expect:
      verdict: unchanged
      note: \"\"
    after: 2
";

    const AFTER: &str = "\
# A comment at the top.
timeline:
  - start:
    expect: unchanged
  # before the write
  - write: |
      a: 1
      # part of the file

  - tick:
    expect: changed   # by size

  - events: [written]
    expect:
      verdict: changed
      note: 1 -> 2
    after: 2
";

    fn run(scenario: &Scenario, answers: &[Option<Value>]) -> Run {
        let steps = scenario.steps.iter().zip(answers);
        let steps = steps.map(|(step, answer)| Played {
            line: step.line,
            name: step.name,
            at: step.at,
            answer: answer.as_ref().and_then(|it| it.as_object().cloned()),
            expected: step.expect.as_ref().map(|it| it.answer.clone()),
            used: Used::default(),
        });
        Run {
            scenario: scenario.name.clone(),
            summary: String::new(),
            steps: steps.collect(),
            broke_off: None,
        }
    }

    #[test]
    fn only_what_is_expected_is_written_and_comments_stay() {
        let scenario = Scenario::parse("a.yaml", Path::new(""), BEFORE.as_bytes()).unwrap();
        let answers = [
            Some(json!({ "verdict": "unchanged", "note": "", "memory": "x" })),
            None,
            Some(json!({ "verdict": "changed", "note": "1 -> 2", "memory": "x" })),
            Some(json!({ "verdict": "changed", "note": "1 -> 2", "memory": "x" })),
        ];
        let text = bless(&scenario, &run(&scenario, &answers)).unwrap();
        assert_eq!(text.as_deref(), Some(AFTER));
        let again = Scenario::parse("a.yaml", Path::new(""), AFTER.as_bytes()).unwrap();
        assert_eq!(bless(&again, &run(&again, &answers)), Ok(None));
    }

    #[test]
    fn a_step_in_braces_stays_in_braces() {
        let text = "timeline:\n  - {start: , expect: changed}  # first\n  - {tick: }\n  - {tick: ,\n     \
                    expect: {note: a}}\n";
        let scenario = Scenario::parse("a.yaml", Path::new(""), text.as_bytes()).unwrap();
        let answer = |note: &str| Some(json!({ "verdict": "unchanged", "note": note }));
        let run = run(&scenario, &[answer(""), answer(""), answer("b, }")]);
        assert_eq!(
            bless(&scenario, &run).unwrap().as_deref(),
            Some(
                "timeline:\n  - {start: , expect: unchanged}  # first\n  - {tick: , expect: unchanged}\n  \
                 - {tick: ,\n     expect: {\"note\":\"b, }\"}}\n"
            )
        );
    }

    #[test]
    fn lines_end_as_they_did() {
        let dos = |text: &str| text.replace('\n', "\r\n");
        let before = "timeline:\n  - {start: }\n  - {tick: ,\n     expect: {note: a}}\n  - tick:\n";
        let after = "timeline:\n  - {start: , expect: unchanged}\n  - {tick: ,\n     expect: \
                     {\"note\":\"b\"}}\n  - tick:\n    expect: unchanged\n";
        let scenario = Scenario::parse("a.yaml", Path::new(""), dos(before).as_bytes()).unwrap();
        let answer = |note: &str| Some(json!({ "verdict": "unchanged", "note": note }));
        let run = run(&scenario, &[answer(""), answer("b"), answer("")]);
        assert_eq!(bless(&scenario, &run).unwrap(), Some(dos(after)));
    }

    #[test]
    fn what_would_not_read_the_same_is_left_to_its_author() {
        let text = "timeline:\n  - expect: changed\n    start:\n";
        let scenario = Scenario::parse("a.yaml", Path::new(""), text.as_bytes()).unwrap();
        let answers = [Some(json!({ "verdict": "unchanged", "note": "" }))];
        let refused = bless(&scenario, &run(&scenario, &answers)).unwrap_err();
        assert!(refused.starts_with("a.yaml:2: "), "{refused}");
    }
}
