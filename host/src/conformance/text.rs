//! What the patterns write: small, valid YAML, known byte by byte.

/// The file after edit `n`. One line longer than after the edit before, so that appending is an
/// edit too, and every beginning of it that ends with a line is valid YAML.
pub(super) fn edit(n: u32) -> String {
    let lines = (1..=n).map(line);
    std::iter::once(HEADER.to_owned()).chain(lines).collect()
}

/// The first line of every edit.
pub(super) const HEADER: &str = "version: \"1\"\n";

/// What edit `n` adds to the one before.
pub(super) fn line(n: u32) -> String {
    format!("# edit {n}\n")
}

/// Other bytes, as many of them.
pub(super) fn twin(text: &str) -> String {
    text.replace("edit", "EDIT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_adds_a_line_and_a_twin_has_the_size() {
        assert_eq!(edit(1), "version: \"1\"\n# edit 1\n");
        assert_eq!(edit(3), edit(2) + &line(3));
        assert_eq!(twin(&edit(2)).len(), edit(2).len());
        assert_ne!(twin(&edit(2)), edit(2));
    }
}
