//! What a component comes to once everything within it has been instantiated: wasmtime follows
//! each nested instantiation when it compiles, and counts nothing. A few KB can name so many that
//! it never ends or takes all memory, and types so deep that reading them ends the host. So
//! whatever is to be compiled is followed here first, within a budget.

mod code;
mod shape;

#[cfg(test)]
mod bombs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use wasmparser::{
    CanonicalFunction, Chunk, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Encoding, Instance, Parser, Payload,
};

use shape::{Code, Scope, Shape};

/// Parts that a component may come to. One of Python has 26,000.
const MOST: u64 = 1_000_000;
/// Components within components.
const DEEPEST: u32 = 32;
/// Types within types: they are read by recursion.
const NESTED_TYPES: usize = 100;
/// To instantiate one, and to compile what stands between two components, costs more than to name
/// a thing.
const COSTLY: u64 = 50;
/// An instance weighs more than what it exports.
const INSTANCE: u64 = 8;
/// A name of so many bytes weighs as much as a thing.
const NAME: usize = 8;

/// Refuses what could not be compiled in any reasonable time or memory.
///
/// # Errors
/// What is too much about it, or that it is no component.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut unfolding = Unfolding::default();
    let root = Code {
        parser: Parser::new(0),
        bytes,
        outer: None,
    };
    unfolding.walk(&root, &BTreeMap::new(), 0)?;
    if unfolding.held.is_subset(&unfolding.walked) {
        return code::check(bytes);
    }
    Err("it holds a component within it that it never instantiates; leave that out".to_owned())
}

/// How far it has come.
#[derive(Default)]
struct Unfolding {
    spent: u64,
    resources: u64,
    /// Where the components within it begin, and those of them that were instantiated.
    held: BTreeSet<usize>,
    walked: BTreeSet<usize>,
}

/// One instance of a component as it is made: what it has by now, by kind and index.
struct Frame<'a> {
    scope: Rc<Scope<'a>>,
    modules: Vec<Shape<'a>>,
    funcs: Vec<Shape<'a>>,
    instances: Vec<Shape<'a>>,
    components: Vec<Shape<'a>>,
    exports: BTreeMap<&'a str, Shape<'a>>,
}

type Found<T> = Result<T, String>;

fn broken(what: impl std::fmt::Display) -> String {
    // It shows bytes one a line.
    let what = what.to_string();
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("it is not a WebAssembly component: {what}")
}

fn nothing_there() -> String {
    broken("it refers to something that it does not have")
}

fn at<'a>(space: &[Shape<'a>], index: u32) -> Found<Shape<'a>> {
    let found = space.get(index as usize).cloned();
    found.ok_or_else(nothing_there)
}

impl<'a> Frame<'a> {
    fn get(&self, kind: ComponentExternalKind, index: u32) -> Found<Shape<'a>> {
        match kind {
            ComponentExternalKind::Module => at(&self.modules, index),
            ComponentExternalKind::Func => at(&self.funcs, index),
            ComponentExternalKind::Instance => at(&self.instances, index),
            ComponentExternalKind::Component => at(&self.components, index),
            ComponentExternalKind::Type => self.scope.get(0, index),
            ComponentExternalKind::Value => Ok(Shape::leaf(1)),
        }
    }

    fn push(&mut self, kind: ComponentExternalKind, shape: Shape<'a>) {
        match kind {
            ComponentExternalKind::Module => self.modules.push(shape),
            ComponentExternalKind::Func => self.funcs.push(shape),
            ComponentExternalKind::Instance => self.instances.push(shape),
            ComponentExternalKind::Component => self.components.push(shape),
            ComponentExternalKind::Type => self.scope.push(shape),
            ComponentExternalKind::Value => {}
        }
    }
}

impl<'a> Unfolding {
    fn spend(&mut self, parts: u64) -> Found<()> {
        self.spent = self.spent.saturating_add(parts);
        if self.spent <= MOST {
            return Ok(());
        }
        Err(format!(
            "it comes to more than {MOST} parts once each component within it is instantiated; \
             build it with fewer of them, or with smaller types"
        ))
    }

    /// Does what an instantiation does, and gives what the instance exports.
    fn walk(
        &mut self,
        code: &Code<'a>,
        args: &BTreeMap<&'a str, Shape<'a>>,
        depth: u32,
    ) -> Found<Shape<'a>> {
        if depth > DEEPEST {
            return Err(format!(
                "it has more than {DEEPEST} components within each other; build it flatter"
            ));
        }
        // Resources that are known are noted for each anew.
        self.spend(COSTLY.saturating_add(self.resources / 4))?;
        let mut frame = Frame {
            scope: Rc::new(Scope::within(code.outer.clone())),
            modules: Vec::new(),
            funcs: Vec::new(),
            instances: Vec::new(),
            components: Vec::new(),
            exports: BTreeMap::new(),
        };
        let (mut parser, mut rest) = (code.parser.clone(), code.bytes);
        loop {
            let (payload, consumed) = match parser.parse(rest, true).map_err(broken)? {
                Chunk::Parsed { payload, consumed } => (payload, consumed),
                Chunk::NeedMoreData(_) => return Err(broken("it ends too early")),
            };
            let (section, after) = rest.split_at_checked(consumed).ok_or_else(nothing_there)?;
            rest = after;
            match payload {
                Payload::End(_) => break,
                Payload::CustomSection(_) => continue,
                Payload::ModuleSection {
                    parser,
                    unchecked_range,
                } => {
                    let module = split(&mut rest, &unchecked_range)?;
                    let imports = imports_of(parser, module)?;
                    frame.modules.push(Shape::leaf(imports));
                }
                Payload::ComponentSection {
                    parser,
                    unchecked_range,
                } => {
                    self.held.insert(unchecked_range.start);
                    let code = Code {
                        parser,
                        bytes: split(&mut rest, &unchecked_range)?,
                        outer: Some(Rc::clone(&frame.scope)),
                    };
                    frame
                        .components
                        .push(Shape::code(unchecked_range.start, code));
                }
                payload => {
                    self.spend(1 + (section.len() / NAME) as u64)?;
                    self.section(payload, section, &mut frame, args, depth)?;
                }
            }
        }
        Shape::of(INSTANCE, frame.exports)
    }

    fn section(
        &mut self,
        payload: Payload<'a>,
        section: &[u8],
        frame: &mut Frame<'a>,
        args: &BTreeMap<&'a str, Shape<'a>>,
        depth: u32,
    ) -> Found<()> {
        match payload {
            Payload::Version { encoding, .. } if encoding != Encoding::Component => {
                return Err(broken("a core module stands where a component should"));
            }
            Payload::ComponentTypeSection(types) => {
                // So a type of a component or an instance begins within another one.
                let nested = |pair: &&[u8]| matches!(pair, [1, 0x41 | 0x42]);
                if section.windows(2).filter(nested).count() > NESTED_TYPES {
                    return Err(format!(
                        "it has more than {NESTED_TYPES} types within other types; name them one \
                         after the other"
                    ));
                }
                for ty in types {
                    let shape = self.define(ty.map_err(broken)?, &frame.scope)?;
                    frame.scope.push(shape);
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import.map_err(broken)?;
                    let declared = self.refer(import.ty, &frame.scope)?;
                    let given = args.get(import.name.name).cloned();
                    let shape = given.unwrap_or(declared);
                    self.spend(shape.weight())?;
                    frame.push(kind(import.ty), shape);
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(broken)?;
                    let shape = frame.get(export.kind, export.index)?;
                    self.spend(shape.weight())?;
                    if let Some(ty) = export.ty {
                        let weight = self.refer(ty, &frame.scope)?.weight();
                        self.spend(weight)?;
                    }
                    frame.push(export.kind, shape.clone());
                    frame.exports.insert(export.name.name, shape);
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    let made = self.instance(instance.map_err(broken)?, frame, depth)?;
                    frame.instances.push(made);
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.alias(alias.map_err(broken)?, frame)?;
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    self.canonical(&function.map_err(broken)?, frame)?;
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { module_index, .. } = instance.map_err(broken)? {
                        let module = at(&frame.modules, module_index)?;
                        self.spend(COSTLY.saturating_add(module.weight()))?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn instance(
        &mut self,
        instance: ComponentInstance<'a>,
        frame: &Frame<'a>,
        depth: u32,
    ) -> Found<Shape<'a>> {
        let mut items = BTreeMap::new();
        match instance {
            ComponentInstance::FromExports(exports) => {
                for export in exports {
                    let shape = frame.get(export.kind, export.index)?;
                    self.spend(shape.weight())?;
                    items.insert(export.name.name, shape);
                }
                Shape::of(INSTANCE, items)
            }
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                for arg in args {
                    let shape = frame.get(arg.kind, arg.index)?;
                    self.spend(shape.weight())?;
                    items.insert(arg.name, shape);
                }
                let component = at(&frame.components, component_index)?;
                let Some((place, code)) = component.is_code() else {
                    return Err(
                        "it instantiates a component that it does not hold; put it inside"
                            .to_owned(),
                    );
                };
                self.walked.insert(place);
                self.walk(code, &items, depth + 1)
            }
        }
    }

    fn alias(&mut self, alias: ComponentAlias<'a>, frame: &mut Frame<'a>) -> Found<()> {
        match alias {
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let shape = at(&frame.instances, instance_index)?.export(name)?;
                self.spend(shape.weight())?;
                frame.push(kind, shape);
            }
            ComponentAlias::CoreInstanceExport { .. } => {}
            ComponentAlias::Outer { kind, count, index } => match kind {
                ComponentOuterAliasKind::CoreType => {}
                ComponentOuterAliasKind::Type => frame.scope.push(frame.scope.get(count, index)?),
                // What one holds of others would be held again with each alias of it.
                ComponentOuterAliasKind::CoreModule | ComponentOuterAliasKind::Component => {
                    return Err(
                        "a component within it takes a module or a component from outside of \
                         itself; hand it over as an argument"
                            .to_owned(),
                    );
                }
            },
        }
        Ok(())
    }

    fn canonical(&mut self, function: &CanonicalFunction, frame: &mut Frame<'a>) -> Found<()> {
        match function {
            CanonicalFunction::Lift { type_index, .. } => {
                let shape = frame.scope.get(0, *type_index)?;
                self.spend(shape.weight())?;
                frame.funcs.push(shape);
            }
            // Code is made of it, more with a larger type.
            CanonicalFunction::Lower { func_index, .. } => {
                let weight = at(&frame.funcs, *func_index)?.weight();
                self.spend(COSTLY.saturating_add(weight.saturating_mul(10)))?;
            }
            _ => self.spend(COSTLY)?,
        }
        Ok(())
    }
}

fn kind(ty: ComponentTypeRef) -> ComponentExternalKind {
    match ty {
        ComponentTypeRef::Module(_) => ComponentExternalKind::Module,
        ComponentTypeRef::Func(_) => ComponentExternalKind::Func,
        ComponentTypeRef::Value(_) => ComponentExternalKind::Value,
        ComponentTypeRef::Type(_) => ComponentExternalKind::Type,
        ComponentTypeRef::Instance(_) => ComponentExternalKind::Instance,
        ComponentTypeRef::Component(_) => ComponentExternalKind::Component,
    }
}

/// Takes what lies in `range` off the beginning.
fn split<'a>(rest: &mut &'a [u8], range: &Range<usize>) -> Found<&'a [u8]> {
    let (inside, after) = rest
        .split_at_checked(range.len())
        .ok_or_else(|| broken("it ends too early"))?;
    *rest = after;
    Ok(inside)
}

/// What a core module imports weighs each time that it is instantiated.
fn imports_of(mut parser: Parser, mut module: &[u8]) -> Found<u64> {
    loop {
        let (payload, consumed) = match parser.parse(module, true).map_err(broken)? {
            Chunk::Parsed { payload, consumed } => (payload, consumed),
            Chunk::NeedMoreData(_) => return Err(broken("it ends too early")),
        };
        module = module.get(consumed..).ok_or_else(nothing_there)?;
        match payload {
            Payload::ImportSection(imports) => return Ok((imports.range().len() / NAME) as u64),
            // Imports stand before these.
            Payload::FunctionSection(_) | Payload::CodeSectionStart { .. } | Payload::End(_) => {
                return Ok(1);
            }
            _ => {}
        }
    }
}
