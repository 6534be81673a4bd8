//! What a backend says on its output: any lines, at its start and in the course of a call. In a
//! line the byte FF stands for the number of the request that it comes after.

#![no_main]

mod wires;

use libfuzzer_sys::fuzz_target;
use wires::Wires;

fuzz_target!(|bytes: &[u8]| {
    let [greets, bytes @ ..] = bytes else { return };
    let runtime = wires::runtime();
    runtime.block_on(async {
        let wires = Wires::saying(bytes.to_vec(), greets % 2 == 0);
        let gateway = wires.gateway().await;
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"well"}}"#;
        wires::talk(&gateway, &[call, call]).await;
    });
});
