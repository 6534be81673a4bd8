//! "Did you mean": the known word that is nearest to what was written. It never guesses wildly.

/// A longer word is no slip of the hand, and comparing two of them takes the product of their
/// lengths.
const LONGEST_WORD: usize = 64;

/// The one of `known` that `word` is probably a slip of, if any: the same but for case and
/// `-` or `_`, or at most one edit (a transposition is one) for every three characters, or a part
/// of it that stands between those dashes.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().nth(LONGEST_WORD).is_some() {
        return None;
    }
    let word = folded(word);
    let allowed = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST_WORD)
        .filter_map(|candidate| {
            let folded = folded(candidate);
            let distance = strsim::damerau_levenshtein(&word, &folded);
            // A word that keeps nothing of what was written is no suggestion.
            if distance <= allowed && distance < folded.chars().count() {
                return Some((distance, candidate));
            }
            let is_part = folded.split('_').any(|part| part == word);
            is_part.then_some((usize::MAX, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["command", "args", "env", "poll_interval", "streamable-http"];

    #[test]
    fn a_slip_of_the_hand_is_recognised() {
        for (word, meant) in [
            ("comand", "command"),
            ("cmomand", "command"),
            ("arg", "args"),
            ("envs", "env"),
            ("Poll-Interval", "poll_interval"),
            ("pollinterval", "poll_interval"),
            ("http", "streamable-http"),
            ("interval", "poll_interval"),
        ] {
            assert_eq!(nearest(word, KEYS), Some(meant), "{word}");
        }
    }

    #[test]
    fn another_word_is_not() {
        for word in ["x", "url", "headers", "", &"command".repeat(10_000)] {
            assert_eq!(nearest(word, KEYS), None, "{word}");
        }
    }

    #[test]
    fn the_nearest_of_several_wins() {
        assert_eq!(nearest("tool", ["tools", "pools", "tooth"]), Some("tools"));
    }
}
