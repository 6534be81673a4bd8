//! The processes of this machine, as the operating system lists them.

/// One that lives: a zombie has ended, and waits only for its parent to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) parent: u32,
    pub(crate) group: u32,
}

impl Process {
    /// From "id parent group state".
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let mut number = || words.next()?.parse().ok();
        let process = Self {
            id: number()?,
            parent: number()?,
            group: number()?,
        };
        let ended = words.next()?.starts_with(['Z', 'X']);
        (!ended).then_some(process)
    }
}

#[cfg(target_os = "linux")]
fn all() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| {
            let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
            // "id (name, which may hold anything) state parent group"
            let (head, tail) = stat.rsplit_once(')')?;
            let id = head.split_once(' ')?.0;
            let mut words = tail.split_whitespace();
            let state = words.next()?;
            let (parent, group) = (words.next()?, words.next()?);
            Process::parse(&format!("{id} {parent} {group} {state}"))
        })
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn all() -> Vec<Process> {
    let listed = std::process::Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,pgid=,stat="])
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout);
    listed.lines().filter_map(Process::parse).collect()
}

/// The children of a process.
pub(crate) fn children(of: u32) -> Vec<Process> {
    all().into_iter().filter(|it| it.parent == of).collect()
}

/// Whoever is in this process group.
pub(crate) fn group(id: u32) -> Vec<Process> {
    all().into_iter().filter(|it| it.group == id).collect()
}

/// Whether this process has ended.
pub(crate) fn is_gone(id: u32) -> bool {
    all().iter().all(|it| it.id != id)
}
