//! An expectation in a step that is written in braces: `- {tick: , expect: changed}`. Knows of YAML's
//! flow style where a value ends, and no more; whoever uses it reads the result again.

/// The step with `expect` as it should be. `step` starts at its brace, `key` is where `expect` stands
/// in it, if it does.
pub(super) fn written(step: &str, key: Option<usize>, expect: &str) -> Option<String> {
    match key {
        Some(key) => {
            let colon = key + step.get(key..)?.find(':')?;
            let end = end_of_value(step, colon + 1)?;
            Some(format!(
                "{} {expect}{}",
                step.get(..=colon)?,
                step.get(end..)?
            ))
        }
        None => {
            let end = end_of_value(step, 1 + step.find('{')?)?;
            let end = last_end(step, end)?;
            let before = step.get(..end)?.trim_end().trim_end_matches(',');
            let space = if before.ends_with(':') { " " } else { "" };
            Some(format!(
                "{before}{space}, expect: {expect}{}",
                step.get(end..)?
            ))
        }
    }
}

/// From the end of one value to that of the last one: the brace.
fn last_end(step: &str, mut end: usize) -> Option<usize> {
    while step.get(end..)?.starts_with(',') {
        end = end_of_value(step, end + 1)?;
    }
    Some(end)
}

/// The first `,`, `}` or `]` from here on that belongs to something around this value.
fn end_of_value(text: &str, from: usize) -> Option<usize> {
    let (mut depth, mut quote, mut before) = (0_u32, None, ':');
    let letters = text.char_indices().skip_while(|(at, _)| *at < from);
    let mut letters = letters.peekable();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (Some('"'), '\\') => {
                letters.next();
            }
            // Two of them stand for one.
            (Some('\''), '\'') if letters.next_if(|(_, it)| *it == '\'').is_some() => {}
            (Some(open), letter) if open == letter => quote = None,
            (Some(_), _) => {}
            // Within a word, a quote is a letter.
            (None, '"' | '\'') if ":,[{".contains(before) => quote = Some(letter),
            (None, ',' | '}' | ']') if depth == 0 => return Some(at),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth -= 1,
            (None, _) => {}
        }
        if !letter.is_whitespace() {
            before = letter;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::written;

    fn with(step: &str) -> String {
        written(step, step.find("expect"), "changed").unwrap()
    }

    #[test]
    fn what_is_expected_takes_the_place_of_what_was() {
        for (step, blessed) in [
            ("{tick: , expect: missing}", "{tick: , expect: changed}"),
            (
                "{expect: {note: \"}, {\"}, tick: }",
                "{expect: changed, tick: }",
            ),
            (
                "{expect: ['it''s ]'], tick: } # why",
                "{expect: changed, tick: } # why",
            ),
            ("{tick: }", "{tick: , expect: changed}"),
            (
                "{events: [written, closed], after: 2 }",
                "{events: [written, closed], after: 2, expect: changed}",
            ),
        ] {
            assert_eq!(with(step), blessed);
        }
    }
}
