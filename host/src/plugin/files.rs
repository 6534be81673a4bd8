//! The host's side of `wasi:filesystem`: what a plugin may read, it opens only where that cannot
//! keep the host waiting. A pipe waits for its other end, and a device for anything.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    DescriptorFlags, DescriptorType, ErrorCode, Host as _, HostDescriptor as _, OpenFlags,
    PathFlags,
};

use super::state::State;

/// As wasmtime-wasi names it; the linker serves every 0.2 by it.
const FILESYSTEM: &str = "wasi:filesystem/types@0.2.12";

type Asked = (
    Resource<Descriptor>,
    PathFlags,
    String,
    OpenFlags,
    DescriptorFlags,
);
type Opened = Result<Resource<Descriptor>, ErrorCode>;

/// Lets guests open files and folders, and nothing else.
pub(super) fn only_files(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance(FILESYSTEM)?.func_wrap(
        "[method]descriptor.open-at",
        |mut store, asked: Asked| -> wasmtime::Result<(Opened,)> {
            Ok((open(store.data_mut(), asked)?,))
        },
    )
}

fn open(state: &mut State, asked: Asked) -> wasmtime::Result<Opened> {
    let (folder, how, path, open, access) = asked;
    let mut files = state.filesystem();
    let there = files.stat_at(Resource::new_borrow(folder.rep()), how, path.clone());
    if let Ok(there) = there
        && !matches!(
            there.type_,
            DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink
        )
    {
        return Ok(Err(ErrorCode::NotPermitted));
    }
    Ok(match files.open_at(folder, how, path, open, access) {
        Ok(opened) => Ok(opened),
        Err(error) => Err(files.convert_error_code(error)?),
    })
}
