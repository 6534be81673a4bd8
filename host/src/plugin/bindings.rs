//! Host side of `wit/`. Generated; the other files of this room translate between these types
//! and those of the ports.

#![allow(missing_docs, reason = "generated; the documentation stands in wit/")]

pub(super) mod detector {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "detector-plugin",
        imports: { default: trappable },
        with: { "config-sync:plugin/target.target": crate::plugin::state::LentTarget },
    });
}

pub(super) mod handler {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "reload-handler-plugin",
        imports: { default: trappable },
        with: {
            "config-sync:plugin/log": crate::plugin::bindings::detector::config_sync::plugin::log,
            "config-sync:plugin/types": crate::plugin::bindings::detector::config_sync::plugin::types,
        },
    });
}

pub(super) mod granted {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "granted",
        imports: { default: trappable },
    });
}
