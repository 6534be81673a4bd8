//! The path leads through symbolic links, and one of them or what it leads to changes. The events
//! name the link or the target, rarely the watched path.

use std::fs;
use std::os::unix::fs::symlink;

use crate::conformance::text::edit;
use crate::conformance::{Expect, Halt, Pattern, Scene};

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern::new(
        "kubernetes-swap",
        "a ConfigMap update: new ..STAMP folder, link ..data_tmp to it, rename over ..data, remove the old folder",
        kubernetes_swap,
    )
    .prepared(config_map),
    Pattern::new(
        "kubernetes-three-swaps",
        "three such updates in a row, in one debounce window",
        kubernetes_three_swaps,
    )
    .prepared(config_map),
    Pattern::new(
        "kubernetes-three-settled-swaps",
        "three such updates, each after the one before was loaded",
        kubernetes_three_settled_swaps,
    )
    .prepared(config_map)
    .expects(Expect::Changes(3)),
    Pattern::new(
        "symlink-retarget",
        "unlink the link, symlink it to another file",
        symlink_retarget,
    )
    .prepared(link),
    Pattern::new(
        "symlink-target-edited",
        "truncate and write the link's target, in another folder",
        symlink_target_edited,
    )
    .prepared(link),
    Pattern::new(
        "symlink-target-replaced",
        "rename a new file over the link's target, in another folder",
        symlink_target_replaced,
    )
    .prepared(link),
    Pattern::new(
        "link-chain-edited",
        "three links across three folders; truncate and write where they end",
        link_chain_edited,
    )
    .prepared(chain),
    Pattern::new(
        "link-chain-retarget",
        "three links across three folders; the middle one is renamed over by a link elsewhere",
        link_chain_retarget,
    )
    .prepared(chain),
    Pattern::new(
        "folder-link-retarget",
        "the folder is a link to a release; rename a link to the next release over it",
        folder_link_retarget,
    )
    .prepared(release),
];

/// What the kubelet's atomic writer makes of a ConfigMap with one key.
fn config_map(scene: &Scene) -> Result<(), Halt> {
    let first = scene.beside("..2026_01_01_00_00_00.1");
    fs::create_dir(&first)?;
    scene.put(&first.join("config.yaml"), &edit(1))?;
    symlink("..2026_01_01_00_00_00.1", scene.beside("..data"))?;
    Ok(symlink("..data/config.yaml", scene.path())?)
}

/// Update `n`, in the order of the kubelet's atomic writer.
fn swap(scene: &Scene, n: u32) -> Result<(), Halt> {
    let before = fs::read_link(scene.beside("..data"))?;
    let name = format!("..2026_01_01_00_00_00.{n}");
    fs::create_dir(scene.beside(&name))?;
    fs::write(scene.beside(&name).join("config.yaml"), edit(n))?;
    symlink(&name, scene.beside("..data_tmp"))?;
    fs::rename(scene.beside("..data_tmp"), scene.beside("..data"))?;
    Ok(fs::remove_dir_all(scene.conf().join(before))?)
}

fn kubernetes_swap(scene: &Scene) -> Result<String, Halt> {
    swap(scene, 2)?;
    Ok(edit(2))
}

fn kubernetes_three_swaps(scene: &Scene) -> Result<String, Halt> {
    swap(scene, 2)?;
    scene.pause(scene.debounce() / 4)?;
    swap(scene, 3)?;
    scene.pause(scene.debounce() / 4)?;
    swap(scene, 4)?;
    Ok(edit(4))
}

fn kubernetes_three_settled_swaps(scene: &Scene) -> Result<String, Halt> {
    swap(scene, 2)?;
    scene.rest()?;
    swap(scene, 3)?;
    scene.rest()?;
    swap(scene, 4)?;
    Ok(edit(4))
}

/// A link into another folder, where two files of one age stand.
fn link(scene: &Scene) -> Result<(), Halt> {
    let folder = scene.folder().join("files");
    fs::create_dir(&folder)?;
    scene.put(&folder.join("one.yaml"), &edit(1))?;
    scene.put(&folder.join("two.yaml"), &edit(2))?;
    Ok(symlink("../files/one.yaml", scene.path())?)
}

fn symlink_retarget(scene: &Scene) -> Result<String, Halt> {
    fs::remove_file(scene.path())?;
    symlink("../files/two.yaml", scene.path())?;
    Ok(edit(2))
}

fn symlink_target_edited(scene: &Scene) -> Result<String, Halt> {
    fs::write(scene.folder().join("files/one.yaml"), edit(3))?;
    Ok(edit(3))
}

fn symlink_target_replaced(scene: &Scene) -> Result<String, Halt> {
    let files = scene.folder().join("files");
    fs::rename(files.join("two.yaml"), files.join("one.yaml"))?;
    Ok(edit(2))
}

/// conf/config.yaml -> a/link -> b/link -> c/config.yaml
fn chain(scene: &Scene) -> Result<(), Halt> {
    for name in ["a", "b", "c"] {
        fs::create_dir(scene.folder().join(name))?;
    }
    scene.put(&scene.folder().join("c/config.yaml"), &edit(1))?;
    scene.put(&scene.folder().join("c/other.yaml"), &edit(2))?;
    symlink("../c/config.yaml", scene.folder().join("b/link"))?;
    symlink("../b/link", scene.folder().join("a/link"))?;
    // One of them is absolute, as many are.
    Ok(symlink(scene.folder().join("a/link"), scene.path())?)
}

fn link_chain_edited(scene: &Scene) -> Result<String, Halt> {
    fs::write(scene.folder().join("c/config.yaml"), edit(3))?;
    Ok(edit(3))
}

fn link_chain_retarget(scene: &Scene) -> Result<String, Halt> {
    let middle = scene.folder().join("b");
    symlink("../c/other.yaml", middle.join("new"))?;
    fs::rename(middle.join("new"), middle.join("link"))?;
    Ok(edit(2))
}

fn release(scene: &Scene) -> Result<(), Halt> {
    for n in [1, 2] {
        let folder = scene.folder().join(format!("release-{n}"));
        fs::create_dir(&folder)?;
        scene.put(&folder.join("config.yaml"), &edit(n))?;
    }
    fs::remove_dir(scene.conf())?;
    Ok(symlink("release-1", scene.conf())?)
}

fn folder_link_retarget(scene: &Scene) -> Result<String, Halt> {
    let next = scene.folder().join("conf.new");
    symlink("release-2", &next)?;
    fs::rename(next, scene.conf())?;
    Ok(edit(2))
}
