//! A disk that is full, or read-only: the host serves on, says so once, and keeps its memory again
//! by itself when it can. Mounts file systems of its own, so it needs root on Linux; elsewhere it
//! says that it was left out.

use std::fs;
use std::io::Write;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

use super::harness::{Client, Home, Host, config, demo};

/// A small file system; gone with this.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// `None` where mounting is not permitted.
    fn mount() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mounted = mount(
            Some("tmpfs"),
            folder.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=128k,mode=700"),
        );
        match mounted {
            Ok(()) => Some(Self { folder }),
            Err(error) => {
                println!("left out: a file system cannot be mounted here: {error}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn remount(&self, flags: MsFlags) {
        let flags = flags | MsFlags::MS_REMOUNT;
        mount(None::<&str>, self.path(), None::<&str>, flags, None::<&str>).unwrap();
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = fs::File::create(self.path().join("ballast")).unwrap();
        while file.write(&[0; 512]).is_ok_and(|written| written > 0) {}
    }

    fn make_room(&self) {
        fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}

fn text(tools: &str) -> String {
    config("hash", &demo("one", tools), "")
}

fn degraded(host: &Host) -> Vec<String> {
    let events = host.events().into_iter();
    let degraded = events.filter(|it| it.kind == "degraded");
    degraded.map(|it| it.message).collect()
}

async fn kept_again(host: &mut Host) -> String {
    let again = host.event("memory to be kept again", |it| {
        it.message.starts_with("memory is kept again in ")
    });
    again.await.message
}

#[tokio::test]
async fn a_full_disk_is_told_once_and_recovered_from() {
    let Some(disk) = Disk::mount() else { return };
    let home = Home::with_state(&text("echo"), disk.path().to_owned());
    let mut host = Host::start_at(home).await;
    disk.fill();
    for tools in ["add", "whoami", "echo,add"] {
        host.apply(&text(tools)).await;
    }
    let client = Client::connect(host.url()).await;
    assert_eq!(client.tools().await, ["add", "echo"]);
    let told = degraded(&host);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("make room on that disk"), "{told:?}");
    // What is there can be read all the while.
    let history = host.home().ask(&["history"]).unwrap();
    assert!(history.contains("applied"), "{history}");

    disk.make_room();
    let again = kept_again(&mut host).await;
    assert!(again.ends_with("nothing was lost"), "{again}");
    let history = host.home().ask(&["history"]).unwrap();
    assert_eq!(history.matches("applied").count(), 4, "{history}");

    let home = host.kill().await;
    home.save("broken: [");
    let host = Host::start_at(home).await;
    let client = Client::connect(host.url()).await;
    assert_eq!(client.tools().await, ["add", "echo"]);
}

#[tokio::test]
async fn a_read_only_state_folder_is_told_once_read_and_recovered_from() {
    let Some(disk) = Disk::mount() else { return };
    let home = Home::with_state(&text("echo"), disk.path().to_owned());
    let home = Host::start_at(home).await.kill().await;
    home.save("broken: [");
    disk.remount(MsFlags::MS_RDONLY);

    let mut host = Host::start_at(home).await;
    let client = Client::connect(host.url()).await;
    assert_eq!(client.tools().await, ["echo"], "the last good one is read");
    let event = host.apply(&text("add")).await;
    assert!(event.generation > 1);
    assert_eq!(client.tools().await, ["add"]);
    let told = degraded(&host);
    let of_memory = told.iter().filter(|it| it.starts_with("no memory is kept"));
    let of_memory: Vec<_> = of_memory.collect();
    assert_eq!(of_memory.len(), 1, "{told:?}");
    assert!(of_memory[0].contains("--state DIR"), "{told:?}");

    disk.remount(MsFlags::empty());
    kept_again(&mut host).await;
    let said = host.home().ask(&["restore", "--to", "1"]).unwrap();
    assert!(said.contains("generation 1 again"), "{said}");
}
