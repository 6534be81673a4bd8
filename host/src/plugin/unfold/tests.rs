use super::*;

const BUILT_IN: [&[u8]; 3] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/hash.wasm")),
    include_bytes!(concat!(env!("OUT_DIR"), "/backends.wasm")),
    include_bytes!(concat!(env!("OUT_DIR"), "/arguments.wasm")),
];

#[test]
fn what_no_compiler_comes_to_the_end_of_is_refused_at_once_with_the_reason() {
    for (name, bomb, why) in bombs::all() {
        let refused = check(&bomb).unwrap_err();
        assert!(refused.contains(why), "{name}: {refused}");
    }
}

#[test]
fn what_tools_build_comes_to_a_hundredth_of_what_it_may() {
    for component in BUILT_IN {
        let mut unfolding = Unfolding::default();
        let root = Code {
            parser: Parser::new(0),
            bytes: component,
            outer: None,
        };
        unfolding.walk(&root, &BTreeMap::new(), 0).unwrap();
        assert!(unfolding.spent < MOST / 50, "{}", unfolding.spent);
        assert_eq!(unfolding.held, unfolding.walked);
        check(component).unwrap();
    }
}

#[test]
fn no_part_of_a_component_is_more_than_a_reason_to_refuse_it() {
    let [component, ..] = BUILT_IN;
    for length in (0..component.len()).step_by(997) {
        let _ = check(&component[..length]);
    }
    assert!(check(&component[..component.len() / 2]).is_err());
}

#[test]
fn a_component_that_is_held_and_never_instantiated_is_refused() {
    // It would be read all the same, and nobody has followed what it does.
    let held = b"\0asm\x0d\0\x01\0\x04\x08\0asm\x0d\0\x01\0";
    let refused = check(held).unwrap_err();
    assert!(refused.contains("never instantiates"), "{refused}");
}
