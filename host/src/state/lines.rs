//! A journal: lines that are appended and never changed, in numbered files of bounded size and
//! number. A line is on the disk when its append returns. What a killed writer left torn at the
//! end is cut off, and lines that are damaged otherwise are set aside, so that one can go on.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Folder, StateError, whole};

/// What is set aside is kept up to this size, then begun anew.
const MOST_DAMAGED: u64 = 1024 * 1024;
const DAMAGED: &str = "journal-damaged.txt";

/// How large a journal may grow.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of one file: the next line begins another.
    pub bytes: u64,
    /// Files: the oldest goes.
    pub files: usize,
}

/// A journal that is open for appending.
#[derive(Debug)]
pub struct Lines {
    folder: PathBuf,
    bounds: Bounds,
    number: u64,
    size: u64,
    file: File,
}

/// What was mended when a journal was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Lines that were set aside.
    pub damaged: usize,
    /// Where they are now.
    pub set_aside: PathBuf,
}

impl Lines {
    /// Opens the journal in the folder, which exists and is held. `whole` tells a line from
    /// damage.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open(
        folder: &Folder,
        bounds: Bounds,
        whole: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(Self, Repairs), StateError> {
        let folder = folder.path().to_owned();
        let mut repairs = Repairs {
            damaged: 0,
            set_aside: folder.join(DAMAGED),
        };
        let files = files(&folder)?;
        for (_, path) in &files {
            mend(path, whole, &mut repairs)?;
        }
        let number = files.last().map_or(1, |(number, _)| *number);
        let path = file_name(&folder, number);
        let file = append_to(&path)?;
        let size = file
            .metadata()
            .map_err(StateError::of("read", &path))?
            .len();
        let lines = Self {
            folder,
            bounds,
            number,
            size,
            file,
        };
        Ok((lines, repairs))
    }

    /// Appends one line, which holds no line break, and comes back when the disk has it.
    ///
    /// # Errors
    /// When the system refuses. Then the journal must be opened anew: what became of the line is
    /// not known.
    pub fn append(&mut self, line: &[u8]) -> Result<(), StateError> {
        let mut bytes = line.to_vec();
        bytes.push(b'\n');
        if self.size > 0 && self.size + bytes.len() as u64 > self.bounds.bytes {
            self.turn_over()?;
        }
        let path = file_name(&self.folder, self.number);
        let written = self
            .file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line on a full disk; what cannot be cut now is cut at the next open.
            let _ = self.file.set_len(self.size);
            return Err(StateError::of("append to", &path)(error));
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Begins the next file, and lets the oldest go.
    fn turn_over(&mut self) -> Result<(), StateError> {
        let number = self.number + 1;
        self.file = append_to(&file_name(&self.folder, number))?;
        (self.number, self.size) = (number, 0);
        let files = files(&self.folder)?;
        let old = files.len().saturating_sub(self.bounds.files);
        for (_, path) in files.iter().take(old) {
            fs::remove_file(path).map_err(StateError::of("remove", path))?;
        }
        Ok(())
    }

    /// Every line, oldest first, without a torn one at the end. Needs no lock and changes
    /// nothing; a host may be appending meanwhile.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn read(folder: &Folder) -> Result<Vec<Vec<u8>>, StateError> {
        let mut lines = Vec::new();
        for (_, path) in files(folder.path())? {
            let bytes = match fs::read(&path) {
                // The host let it go since.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                bytes => bytes.map_err(StateError::of("read", &path))?,
            };
            lines.extend(ended(&bytes).map(<[u8]>::to_vec));
        }
        Ok(lines)
    }
}

/// The lines that have an end.
fn ended(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_suffix(b"\n"))
}

/// Cuts off what is torn, sets aside what is damaged.
fn mend(
    path: &Path,
    whole: &dyn Fn(&[u8]) -> bool,
    repairs: &mut Repairs,
) -> Result<(), StateError> {
    let bytes = fs::read(path).map_err(StateError::of("read", path))?;
    let end = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let damaged: Vec<_> = ended(&bytes).filter(|line| !whole(line)).collect();
    if damaged.is_empty() {
        if end < bytes.len() {
            let file = OpenOptions::new().write(true).open(path);
            file.and_then(|file| {
                file.set_len(end as u64)?;
                file.sync_all()
            })
            .map_err(StateError::of("mend", path))?;
        }
        return Ok(());
    }
    // Aside first: killed in between, a line is there twice rather than nowhere.
    set_aside(&repairs.set_aside, &damaged)?;
    let mut rest = Vec::with_capacity(end);
    for line in ended(&bytes).filter(|line| whole(line)) {
        rest.extend_from_slice(line);
        rest.push(b'\n');
    }
    whole::write_whole(path, &rest)?;
    repairs.damaged += damaged.len();
    Ok(())
}

fn set_aside(path: &Path, damaged: &[&[u8]]) -> Result<(), StateError> {
    let mut file = append_to(path)?;
    let mut aside = || {
        if file.metadata()?.len() > MOST_DAMAGED {
            file.set_len(0)?;
        }
        for line in damaged {
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        file.sync_all()
    };
    aside().map_err(StateError::of("append to", path))
}

fn append_to(path: &Path) -> Result<File, StateError> {
    let mut options = OpenOptions::new();
    let opened = options.append(true).create(true).mode(0o600).open(path);
    opened
        .and_then(|file| {
            whole::sync_folder_of(path)?;
            Ok(file)
        })
        .map_err(StateError::of("open", path))
}

fn file_name(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("journal-{number:06}.jsonl"))
}

/// The files of the journal with their numbers, oldest first.
fn files(folder: &Path) -> Result<Vec<(u64, PathBuf)>, StateError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StateError::of("read", folder))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(StateError::of("read", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name
            .and_then(|name| name.strip_prefix("journal-")?.strip_suffix(".jsonl"))
            .and_then(|number| number.parse().ok());
        if let Some(number) = number {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests;
