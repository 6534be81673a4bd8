//! What wit-bindgen makes of `wit/`: one module for each world. A component takes in only the
//! imports that it calls, so a handler does not import `target` because this crate knows it.

pub mod detector {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "detector-plugin",
        additional_derives: [PartialEq, Eq, Hash],
        pub_export_macro: true,
        export_macro_name: "export_detector",
    });
}

pub mod handler {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "reload-handler-plugin",
        with: {
            "config-sync:plugin/log@0.1.1": super::detector::config_sync::plugin::log,
            "config-sync:plugin/types@0.1.1": super::detector::config_sync::plugin::types,
        },
        additional_derives: [PartialEq, Eq, Hash],
        pub_export_macro: true,
        export_macro_name: "export_handler",
    });
}

pub mod middleware {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "middleware-plugin",
        with: {
            "config-sync:plugin/log@0.1.1": super::detector::config_sync::plugin::log,
            "config-sync:plugin/types@0.1.1": super::detector::config_sync::plugin::types,
        },
        additional_derives: [PartialEq, Eq, Hash],
        pub_export_macro: true,
        export_macro_name: "export_middleware",
    });
}

pub mod granted {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "granted",
        additional_derives: [PartialEq, Eq, Hash],
    });
}
