use super::*;

const BOUNDS: Bounds = Bounds {
    bytes: 100,
    files: 3,
};

/// A folder that is there, and where.
fn folder(root: &tempfile::TempDir) -> Folder {
    let folder = Folder::of(root.path(), Path::new("/config.yaml"));
    drop(folder.hold().unwrap());
    folder
}

/// Anything in braces is a line.
fn braced(line: &[u8]) -> bool {
    line.starts_with(b"{") && line.ends_with(b"}")
}

fn open(folder: &Folder) -> (Lines, Repairs) {
    Lines::open(folder, BOUNDS, &braced).unwrap()
}

fn read(folder: &Folder) -> Vec<String> {
    let lines = Lines::read(folder).unwrap();
    let lines = lines.into_iter().map(String::from_utf8);
    lines.map(Result::unwrap).collect()
}

#[test]
fn lines_come_back_in_order_after_another_life() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(&root);
    assert!(read(&folder).is_empty());
    open(&folder).0.append(b"{1}").unwrap();
    open(&folder).0.append(b"{2}").unwrap();
    assert_eq!(read(&folder), ["{1}", "{2}"]);
}

#[test]
fn a_torn_last_line_is_passed_over_and_cut_off_at_the_next_open() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(&root);
    open(&folder).0.append(b"{1}").unwrap();
    let path = file_name(folder.path(), 1);
    for torn in 1.."{torn}".len() {
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(&b"{torn}"[..torn]);
        fs::write(&path, bytes).unwrap();
        assert_eq!(read(&folder).last().unwrap(), &format!("{{{torn}}}"));
        let (mut lines, repairs) = open(&folder);
        assert_eq!(repairs.damaged, 0);
        lines
            .append(format!("{{{}}}", torn + 1).as_bytes())
            .unwrap();
    }
    assert_eq!(read(&folder), ["{1}", "{2}", "{3}", "{4}", "{5}", "{6}"]);
}

#[test]
fn damaged_lines_are_set_aside_and_counted() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(&root);
    let path = file_name(folder.path(), 1);
    fs::write(&path, b"{1}\n\0\0\xff\n{2}\nhalf\n{3}\n{to").unwrap();
    let (mut lines, repairs) = open(&folder);
    assert_eq!(repairs.damaged, 2);
    lines.append(b"{4}").unwrap();
    assert_eq!(read(&folder), ["{1}", "{2}", "{3}", "{4}"]);
    assert_eq!(fs::read(repairs.set_aside).unwrap(), b"\0\0\xff\nhalf\n");
    assert_eq!(open(&folder).1.damaged, 0);
}

#[test]
fn files_turn_over_by_size_and_the_oldest_go() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(&root);
    let (mut lines, _) = open(&folder);
    for number in 0..100 {
        lines
            .append(format!("{{{number:030}}}").as_bytes())
            .unwrap();
    }
    let files = files(folder.path()).unwrap();
    assert_eq!(files.len(), BOUNDS.files);
    for (_, path) in &files {
        assert!(fs::metadata(path).unwrap().len() <= BOUNDS.bytes);
    }
    let kept = read(&folder);
    assert_eq!(kept.last().unwrap(), &format!("{{{:030}}}", 99));
    assert_eq!(kept.len(), 3 + 3 + 1, "three lines fill a file: {kept:?}");
}

#[test]
fn a_line_larger_than_a_file_has_one_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(&root);
    let (mut lines, _) = open(&folder);
    let large = format!("{{{}}}", "x".repeat(500));
    for line in ["{1}", &large, "{2}"] {
        lines.append(line.as_bytes()).unwrap();
    }
    assert_eq!(read(&folder), ["{1}", &large, "{2}"]);
}
