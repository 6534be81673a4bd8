//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    config_sync::cli::main()
}
