//! How problems are shown: one line each for logs, or with the source line for a terminal.
//!
//! The lines never hold source text. The pretty form does, so only `check` prints it, on the
//! terminal of the one who owns the file.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::problem::{OneLine, Place, Problem, Problems, Severity};

/// Beyond these nobody reads on, and a hostile file can have a quarter of a million.
const MOST_SHOWN: usize = 100;

/// A minified file is one long line; more than this around the place says nothing.
const MOST_LINE_BYTES: usize = 400;

impl Problems {
    /// One line each: `config.yaml:12:5: backends.github.comand: unknown key; did you mean
    /// `command`?`, with `warning: ` before the path of a warning. Errors first, since whoever has
    /// room for one line shows the first. At most 100, then how many more.
    pub fn lines(&self) -> Vec<String> {
        let mut shown: Vec<_> = self.shown().collect();
        shown.sort_by_key(|problem| problem.severity == Severity::Warning);
        let mut lines: Vec<_> = shown.into_iter().map(|it| self.line(it)).collect();
        lines.extend(self.not_shown());
        lines
    }

    /// With source lines and carets, ending in a line break; `colours` for a terminal that has
    /// them. At most 100, then how many more.
    pub fn pretty(&self, colours: bool) -> String {
        let renderer = if colours {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for problem in self.shown() {
            text.push_str(&self.drawing(problem, &renderer));
            text.push_str("\n\n");
        }
        match self.not_shown() {
            Some(line) => text.push_str(&line),
            None => text.truncate(text.trim_end().len()),
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    fn line(&self, problem: &Problem) -> String {
        let place = match &problem.place {
            Some(place) => format!("{}:{}", place.line, place.column),
            None => String::new(),
        };
        let label = match problem.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        let colon = if place.is_empty() { "" } else { ":" };
        format!(
            "{}{colon}{place}: {label}{problem}",
            OneLine(&self.source.name)
        )
    }

    fn drawing(&self, problem: &Problem, renderer: &Renderer) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let name = OneLine(&self.source.name).to_string();
        let title = match (problem.path.as_str(), &problem.place) {
            ("", Some(_)) => problem.message.clone(),
            ("", None) => format!("{name}: {}", problem.message),
            (path, _) => format!("{path}: {}", problem.message),
        };
        let title = level.primary_title(OneLine(&title).to_string());
        let mut group = match &problem.place {
            None => Group::with_title(title),
            Some(place) => {
                let (line, within) = self.excerpt(place);
                title.element(
                    Snippet::source(line)
                        .line_start(place.line)
                        .path(name)
                        .annotation(AnnotationKind::Primary.span(within)),
                )
            }
        };
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(OneLine(help).to_string()));
        }
        renderer.render(&[group])
    }

    /// The line of `place`, or what stands around the place in a very long one, and the part of
    /// it that `place` means.
    fn excerpt(&self, place: &Place) -> (&str, Range<usize>) {
        let text = self.source.text.as_str();
        let at = text.floor_char_boundary(place.range.start);
        let least = text.ceil_char_boundary(at.saturating_sub(MOST_LINE_BYTES / 2));
        let most = text.floor_char_boundary(at + MOST_LINE_BYTES / 2);
        let (before, after) = (&text[least..at], &text[at..most]);
        // A mark at the start of the file is no column.
        let mark = before.len() - before.trim_start_matches('\u{feff}').len();
        let start = least + before.rfind(['\n', '\r']).map_or(mark, |end| end + 1);
        let end = at + after.find(['\n', '\r']).unwrap_or(after.len());
        let stop = text
            .floor_char_boundary(place.range.end.max(at))
            .clamp(at, end);
        (&text[start..end], at - start..stop - start)
    }

    fn shown(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter().take(MOST_SHOWN)
    }

    fn not_shown(&self) -> Option<String> {
        let more = self.list.len().checked_sub(MOST_SHOWN)?;
        (more > 0).then(|| format!("{}: and {more} more problems", OneLine(&self.source.name)))
    }
}

/// The lines for logs, joined.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::problem::Source;
    use super::*;

    fn problems(text: &str, list: Vec<Problem>) -> Problems {
        let source = Source {
            name: "config.yaml".into(),
            text: text.into(),
        };
        Problems::new(Arc::new(source), list)
    }

    fn place(line: usize, column: usize, range: Range<usize>) -> Option<Place> {
        Some(Place {
            line,
            column,
            range,
        })
    }

    #[test]
    fn a_line_says_file_place_path_message_and_help() {
        let list = vec![
            Problem::error("backends.github.comand", "unknown key")
                .help("did you mean `command`?")
                .at(place(2, 3, 13..19)),
            Problem::warning("telemetry", "not used").at(place(1, 1, 0..9)),
            Problem::error("", "something else"),
        ];
        assert_eq!(
            problems("telemetry:\n  comand: x\n", list).to_string(),
            "config.yaml:2:3: backends.github.comand: unknown key; did you mean `command`?\n\
             config.yaml: something else\n\
             config.yaml:1:1: warning: telemetry: not used"
        );
    }

    #[test]
    fn the_pretty_form_shows_the_source_line_with_a_caret() {
        let problem = Problem::error("sync.debounse", "unknown key")
            .help("did you mean `debounce`?")
            .at(place(2, 3, 8..16));
        assert_eq!(
            problems("sync:\n  debounse: 1\n", vec![problem]).pretty(false),
            "error: sync.debounse: unknown key\n \
             --> config.yaml:2:3\n  \
               |\n\
             2 |   debounse: 1\n  \
               |   ^^^^^^^^\n  \
               |\n  \
               = help: did you mean `debounce`?\n"
        );
    }

    #[test]
    fn a_place_outside_of_the_text_or_inside_a_character_is_drawn_somewhere() {
        for (text, range) in [
            ("", 0..0),
            ("é", 1..1),
            ("a", 5..9),
            ("a\r\nb", 1..4),
            ("é\n", 2..3),
        ] {
            let problem = Problem::error("", "odd").at(place(1, 1, range));
            assert!(problems(text, vec![problem]).pretty(false).contains("odd"));
        }
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_place() {
        let text = format!("a: {}é{}", "x".repeat(5000), "y".repeat(5000));
        let problem = Problem::error("a", "odd").at(place(1, 5004, 5003..5005));
        let pretty = problems(&text, vec![problem]).pretty(false);
        assert!(pretty.contains('é') && pretty.len() < 2000, "{pretty}");
    }

    #[test]
    fn a_flood_of_problems_is_cut() {
        let list = vec![Problem::error("a", "bad"); 250];
        let problems = problems("", list);
        assert_eq!(problems.lines().len(), 101);
        assert!(
            problems
                .pretty(false)
                .ends_with("config.yaml: and 150 more problems\n")
        );
    }
}
