//! How the scenarios of a component went: for people, as JSON, and as JUnit's XML for CI servers.

use std::fmt::Write;

use serde_json::{Value, json};

use super::bench::{Bench, Played, Run};

/// Every scenario that was played to one component.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    plugin: String,
    runs: Vec<Run>,
}

impl Report {
    /// The report of these runs.
    pub fn of(bench: &Bench, runs: Vec<Run>) -> Self {
        Self {
            plugin: bench.name().to_owned(),
            runs,
        }
    }

    /// Whether all went as expected.
    pub fn is_good(&self) -> bool {
        self.runs.iter().all(Run::is_good)
    }

    /// For people: a line for each scenario, and each step of one that did not go well.
    pub fn text(&self) -> String {
        self.lines(false)
    }

    /// As [`Self::text`], with each step of every scenario.
    pub fn steps(&self) -> String {
        self.lines(true)
    }

    fn lines(&self, all_steps: bool) -> String {
        let mut text = String::new();
        for run in &self.runs {
            let word = if run.is_good() { "ok  " } else { "FAIL" };
            let answers = run.steps.iter().filter(|step| step.answer.is_some());
            let fuel: u64 = run.steps.iter().map(|step| step.used.fuel).sum();
            let answers = answers.count();
            let scenario = &run.scenario;
            let _ = writeln!(text, "{word} {scenario}  {answers} answers, fuel {fuel}");
            if all_steps || !run.is_good() {
                for step in &run.steps {
                    show(&mut text, step);
                }
            }
            if let Some(why) = &run.broke_off {
                let _ = writeln!(text, "     broke off: {why}");
            }
        }
        let unjudged: usize = self.runs.iter().map(unjudged).sum();
        if unjudged > 0 {
            let _ = writeln!(
                text,
                "answers with nothing expected of them: {unjudged}; --bless writes down what came"
            );
        }
        let failed = self.runs.iter().filter(|run| !run.is_good()).count();
        let _ = writeln!(text, "scenarios: {}, failed: {failed}", self.runs.len());
        text
    }

    /// Everything, for programs.
    pub fn json(&self) -> Value {
        let runs: Vec<_> = self.runs.iter().map(run_json).collect();
        json!({ "plugin": self.plugin, "good": self.is_good(), "scenarios": runs })
    }

    /// For CI servers: one `testcase` for each scenario.
    pub fn junit(&self) -> String {
        let failures = self.runs.iter().filter(|run| !run.is_good()).count();
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let plugin = escaped(&self.plugin);
        let tests = self.runs.len();
        let _ = writeln!(
            xml,
            "<testsuite name=\"{plugin}\" tests=\"{tests}\" failures=\"{failures}\">"
        );
        for run in &self.runs {
            let name = escaped(&run.scenario);
            let _ = write!(xml, "  <testcase classname=\"{plugin}\" name=\"{name}\"");
            if run.is_good() {
                xml.push_str("/>\n");
                continue;
            }
            let mut story = String::new();
            for step in run.steps.iter().filter(|step| !step.is_good()) {
                show(&mut story, step);
            }
            story.extend(run.broke_off.as_deref());
            let story = escaped(&story);
            let _ = writeln!(
                xml,
                ">\n    <failure message=\"not as expected\">{story}</failure>\n  </testcase>"
            );
        }
        xml.push_str("</testsuite>\n");
        xml
    }
}

/// One step: where it stands, what was done, what was answered, and what it took.
fn show(text: &mut String, step: &Played) {
    let mark = if step.is_good() { ' ' } else { '!' };
    let (line, name) = (step.line, step.name);
    let _ = write!(text, "   {mark} {line:>4}  {name:<12}");
    if let Some(answer) = &step.answer {
        let word = |key| answer.get(key).and_then(Value::as_str);
        let word = word("verdict")
            .or_else(|| word("answer"))
            .or_else(|| word("fault"));
        let _ = write!(text, " {:<10} {}", word.unwrap_or_default(), used(step));
        if let Some(note) = answer.get("note").and_then(Value::as_str)
            && !note.is_empty()
        {
            let _ = write!(text, "  ({})", note.escape_debug());
        }
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
    for line in step.difference() {
        let _ = writeln!(text, "           {line}");
    }
    for line in &step.used.lines {
        let _ = writeln!(text, "           log {}", line.escape_debug());
    }
    for sent in &step.used.sent {
        let _ = writeln!(text, "           sent {sent}");
    }
}

fn used(step: &Played) -> String {
    let mut used = format!("fuel {}, {} KiB", step.used.fuel, step.used.memory / 1024);
    for (function, count) in &step.used.calls {
        let _ = write!(used, ", {function} {count}");
    }
    used
}

fn unjudged(run: &Run) -> usize {
    let steps = run.steps.iter();
    steps
        .filter(|step| step.answer.is_some() && step.expected.is_none())
        .count()
}

fn run_json(run: &Run) -> Value {
    let steps: Vec<_> = run.steps.iter().map(step_json).collect();
    json!({
        "scenario": run.scenario,
        "summary": run.summary,
        "good": run.is_good(),
        "broke_off": run.broke_off,
        "steps": steps,
    })
}

fn step_json(step: &Played) -> Value {
    json!({
        "line": step.line,
        "step": step.name,
        "at": step.at.as_secs_f64(),
        "good": step.is_good(),
        "answer": step.answer,
        "expected": step.expected,
        "difference": step.difference(),
        "fuel": step.used.fuel,
        "memory": step.used.memory,
        "calls": step.used.calls,
        "log": step.used.lines,
        "sent": step.used.sent,
    })
}

/// For XML, in which most control characters cannot stand at all.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            character if character.is_control() => escaped.extend(character.escape_default()),
            character => escaped.push(character),
        }
    }
    escaped
}
