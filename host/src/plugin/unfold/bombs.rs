//! Small components that no compiler comes to the end of, byte by byte: no tool builds them.

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const ALIASES: u8 = 6;
const COMPONENTS: u8 = 4;
const INSTANCES: u8 = 5;
const MODULE: u8 = 1;
const TYPES: u8 = 7;

fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value % 128).unwrap_or_default();
        value /= 128;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 128);
    }
}

/// A section that holds so many of something.
fn section(id: u8, count: usize, items: &[u8]) -> Vec<u8> {
    let body = [&number(count), items].concat();
    [&[id][..], &number(body.len()), &body].concat()
}

fn component(sections: &[Vec<u8>]) -> Vec<u8> {
    [COMPONENT, &sections.concat()].concat()
}

/// A component within one.
fn nested(sections: &[Vec<u8>]) -> Vec<u8> {
    let inside = component(sections);
    [&[COMPONENTS][..], &number(inside.len()), &inside].concat()
}

/// Instantiates the component of this index so often.
fn instantiated(index: u8, times: usize) -> Vec<u8> {
    section(INSTANCES, times, &[0, index, 0].repeat(times))
}

/// Takes the component of this index from outside, so often.
fn taken(index: u8, times: usize) -> Vec<u8> {
    section(ALIASES, times, &[4, 2, 1, index].repeat(times))
}

/// Each instantiates the one before it a thousand times: 10^12 instances in 12 KB.
fn instances() -> Vec<u8> {
    let mut sections = vec![nested(&[])];
    sections.extend((0..4).map(|before| nested(&[taken(before, 1), instantiated(0, 1_000)])));
    sections.push(instantiated(4, 1));
    component(&sections)
}

/// The same without a name for anything outside: each lies within the next.
fn within_each_other() -> Vec<u8> {
    let mut inside = vec![];
    for _ in 0..4 {
        inside = vec![nested(&inside), instantiated(0, 1_000)];
    }
    component(&inside)
}

/// Each holds the one before it twice, and nothing is ever instantiated.
fn held_twice() -> Vec<u8> {
    let mut sections = vec![nested(&[])];
    sections.extend((0..100).map(|before| nested(&[taken(before, 2)])));
    component(&sections)
}

/// Each instance is the one before it, twice.
fn doubled() -> Vec<u8> {
    let mut sections = vec![section(INSTANCES, 1, &[1, 0])];
    sections.extend((0..60).map(|before| {
        let exported = |name| [0, 1, name, 5, before];
        let items = [&[1, 2][..], &exported(b'a'), &exported(b'b')].concat();
        section(INSTANCES, 1, &items)
    }));
    component(&sections)
}

/// A type of an instance within a type of an instance, and so on: to read it takes all the stack.
fn deep() -> Vec<u8> {
    let types = [&[0x42, 1, 1].repeat(50_000)[..], &[0x42, 0]].concat();
    component(&[section(TYPES, 1, &types)])
}

/// More components within each other than any stack holds.
fn nested_deep() -> Vec<u8> {
    let mut inside = vec![];
    for _ in 0..1_000 {
        inside = vec![nested(&inside), instantiated(0, 1)];
    }
    component(&inside)
}

/// With a core module of one function: so many numbers as variables, and this code.
fn function(variables: usize, code: &[u8]) -> Vec<u8> {
    let body = [&[1][..], &number(variables), &[0x7f], code, &[0x0b]].concat();
    let module = [
        &b"\0asm\x01\0\0\0"[..],
        &section(1, 1, &[0x60, 0, 0]),
        &section(3, 1, &[0]),
        &section(10, 1, &[&number(body.len())[..], &body].concat()),
    ]
    .concat();
    component(&[[&[MODULE][..], &number(module.len()), &module].concat()])
}

/// A thousand variables and ten thousand branches.
fn branches() -> Vec<u8> {
    function(1_000, &[0x41, 0, 0x04, 0x40, 0x0b].repeat(10_000))
}

/// One function that does nothing a million times.
fn long() -> Vec<u8> {
    function(1, &[0x01].repeat(1_100_000))
}

/// Every one of them under a name, with a word of why it is refused.
pub(crate) fn all() -> [(&'static str, Vec<u8>, &'static str); 8] {
    const TOO_MUCH: &str = "comes to more than 1000000 parts";
    [
        ("instances.wasm", instances(), "from outside of itself"),
        ("within-each-other.wasm", within_each_other(), TOO_MUCH),
        ("held-twice.wasm", held_twice(), "never instantiates"),
        ("doubled.wasm", doubled(), TOO_MUCH),
        ("deep.wasm", deep(), "types within other types"),
        (
            "nested-deep.wasm",
            nested_deep(),
            "components within each other",
        ),
        ("branches.wasm", branches(), "too many variables"),
        ("long.wasm", long(), "more than the 1048576 that are"),
    ]
}
