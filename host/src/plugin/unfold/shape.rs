//! What stands at an index of a component, as far as it matters how much there is of it: how many
//! parts it has, all the way down, and what it exports.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use wasmparser::{
    ComponentAlias, ComponentDefinedType, ComponentOuterAliasKind, ComponentType,
    ComponentTypeDeclaration, ComponentTypeRef, ComponentValType, InstanceTypeDeclaration, Parser,
    TypeBounds,
};

use super::{Found, INSTANCE, NAME, NESTED_TYPES, Unfolding, at, nothing_there};

/// Shared, however often it is named.
#[derive(Clone)]
pub(super) struct Shape<'a>(Rc<Inner<'a>>);

struct Inner<'a> {
    weight: u64,
    height: usize,
    exports: BTreeMap<&'a str, Shape<'a>>,
    /// Of a component, and where it begins.
    code: Option<(usize, Code<'a>)>,
}

/// A component that may be instantiated.
pub(super) struct Code<'a> {
    pub(super) parser: Parser,
    pub(super) bytes: &'a [u8],
    pub(super) outer: Option<Rc<Scope<'a>>>,
}

/// The types that a component, or a type, may name.
pub(super) struct Scope<'a> {
    types: RefCell<Vec<Shape<'a>>>,
    outer: Option<Rc<Scope<'a>>>,
}

impl<'a> Scope<'a> {
    pub(super) fn within(outer: Option<Rc<Self>>) -> Self {
        Self {
            types: RefCell::default(),
            outer,
        }
    }

    pub(super) fn push(&self, shape: Shape<'a>) {
        self.types.borrow_mut().push(shape);
    }

    /// The type of this index, so many scopes further out.
    pub(super) fn get(&self, count: u32, index: u32) -> Found<Shape<'a>> {
        let mut scope = self;
        for _ in 0..count {
            scope = scope.outer.as_deref().ok_or_else(nothing_there)?;
        }
        at(&scope.types.borrow(), index)
    }
}

impl<'a> Shape<'a> {
    pub(super) fn leaf(weight: u64) -> Self {
        Self(Rc::new(Inner {
            weight: weight.max(1),
            height: 0,
            exports: BTreeMap::new(),
            code: None,
        }))
    }

    pub(super) fn code(place: usize, code: Code<'a>) -> Self {
        Self(Rc::new(Inner {
            weight: 1,
            height: 0,
            exports: BTreeMap::new(),
            code: Some((place, code)),
        }))
    }

    /// What exports these, and has `own` parts besides.
    pub(super) fn of(own: u64, exports: BTreeMap<&'a str, Self>) -> Found<Self> {
        let (mut weight, mut height) = (own, 0);
        for (name, it) in &exports {
            weight = weight
                .saturating_add(it.0.weight)
                .saturating_add((name.len() / NAME) as u64);
            height = height.max(it.0.height + 1);
        }
        if height > NESTED_TYPES {
            return Err(format!(
                "it has more than {NESTED_TYPES} instances within each other; build it flatter"
            ));
        }
        Ok(Self(Rc::new(Inner {
            weight,
            height,
            exports,
            code: None,
        })))
    }

    pub(super) fn weight(&self) -> u64 {
        self.0.weight
    }

    pub(super) fn export(&self, name: &str) -> Found<Self> {
        let found = self.0.exports.get(name).cloned();
        found.ok_or_else(nothing_there)
    }

    pub(super) fn is_code(&self) -> Option<(usize, &Code<'a>)> {
        let (place, code) = self.0.code.as_ref()?;
        Some((*place, code))
    }
}

impl<'a> Unfolding {
    /// The type that a type stands for.
    pub(super) fn refer(
        &mut self,
        ty: ComponentTypeRef,
        scope: &Rc<Scope<'a>>,
    ) -> Found<Shape<'a>> {
        match ty {
            ComponentTypeRef::Func(index)
            | ComponentTypeRef::Instance(index)
            | ComponentTypeRef::Component(index)
            | ComponentTypeRef::Type(TypeBounds::Eq(index)) => scope.get(0, index),
            ComponentTypeRef::Type(TypeBounds::SubResource) => {
                self.resources += 1;
                Ok(Shape::leaf(1))
            }
            ComponentTypeRef::Value(_) => Ok(Shape::leaf(1)),
            ComponentTypeRef::Module(_) => {
                Err("it takes a core module from outside; put the module inside".to_owned())
            }
        }
    }

    pub(super) fn define(
        &mut self,
        ty: ComponentType<'a>,
        scope: &Rc<Scope<'a>>,
    ) -> Found<Shape<'a>> {
        match ty {
            ComponentType::Defined(defined) => {
                let (own, values) = parts(&defined);
                self.values(own, values, scope)
            }
            ComponentType::Func(func) => {
                let names = func.params.iter().map(|(name, _)| name.len()).sum();
                let values = func.params.iter().map(|(_, ty)| *ty).chain(func.result);
                self.values(names, values.collect(), scope)
            }
            ComponentType::Resource { .. } => {
                self.resources += 1;
                Ok(Shape::leaf(1))
            }
            ComponentType::Component(declarations) => self.declare(declarations.into(), scope),
            ComponentType::Instance(declarations) => {
                let declarations = declarations
                    .into_iter()
                    .map(|declaration| match declaration {
                        InstanceTypeDeclaration::CoreType(ty) => {
                            ComponentTypeDeclaration::CoreType(ty)
                        }
                        InstanceTypeDeclaration::Type(ty) => ComponentTypeDeclaration::Type(ty),
                        InstanceTypeDeclaration::Alias(alias) => {
                            ComponentTypeDeclaration::Alias(alias)
                        }
                        InstanceTypeDeclaration::Export { name, ty } => {
                            ComponentTypeDeclaration::Export { name, ty }
                        }
                    });
                self.declare(declarations.collect(), scope)
            }
        }
    }

    /// Of so many bytes of names, and these.
    fn values(
        &mut self,
        names: usize,
        values: Vec<ComponentValType>,
        scope: &Rc<Scope<'a>>,
    ) -> Found<Shape<'a>> {
        let mut weight = 1 + (names / NAME) as u64;
        for value in values {
            weight = weight.saturating_add(match value {
                ComponentValType::Primitive(_) => 1,
                ComponentValType::Type(index) => scope.get(0, index)?.weight(),
            });
        }
        Ok(Shape::leaf(weight))
    }

    /// What the type of an instance or of a component comes to.
    fn declare(
        &mut self,
        declarations: Vec<ComponentTypeDeclaration<'a>>,
        outer: &Rc<Scope<'a>>,
    ) -> Found<Shape<'a>> {
        let scope = Rc::new(Scope::within(Some(Rc::clone(outer))));
        let (mut instances, mut exports, mut own) = (Vec::new(), BTreeMap::new(), INSTANCE);
        for declaration in declarations {
            self.spend(1)?;
            let (name, ty) = match declaration {
                ComponentTypeDeclaration::CoreType(_) => continue,
                ComponentTypeDeclaration::Type(ty) => {
                    let shape = self.define(ty, &scope)?;
                    scope.push(shape);
                    continue;
                }
                ComponentTypeDeclaration::Alias(alias) => {
                    match alias {
                        ComponentAlias::Outer {
                            kind: ComponentOuterAliasKind::Type,
                            count,
                            index,
                        } => scope.push(scope.get(count, index)?),
                        ComponentAlias::InstanceExport {
                            kind,
                            instance_index,
                            name,
                        } => {
                            let shape = at(&instances, instance_index)?.export(name)?;
                            match kind {
                                wasmparser::ComponentExternalKind::Type => scope.push(shape),
                                wasmparser::ComponentExternalKind::Instance => {
                                    instances.push(shape);
                                }
                                _ => {}
                            }
                        }
                        _ => {}
                    }
                    continue;
                }
                ComponentTypeDeclaration::Import(import) => (None, import.ty),
                ComponentTypeDeclaration::Export { name, ty } => (Some(name.name), ty),
            };
            let shape = self.refer(ty, &scope)?;
            match ty {
                ComponentTypeRef::Type(_) => scope.push(shape.clone()),
                ComponentTypeRef::Instance(_) => instances.push(shape.clone()),
                _ => {}
            }
            match name {
                Some(name) => drop(exports.insert(name, shape)),
                None => own = own.saturating_add(shape.weight()),
            }
        }
        Shape::of(own, exports)
    }
}

/// How many bytes of names a type has, and the types that it is made of.
fn parts(defined: &ComponentDefinedType<'_>) -> (usize, Vec<ComponentValType>) {
    match defined {
        ComponentDefinedType::Record(fields) => (
            fields.iter().map(|(name, _)| name.len()).sum(),
            fields.iter().map(|(_, ty)| *ty).collect(),
        ),
        ComponentDefinedType::Variant(cases) => (
            cases.iter().map(|case| NAME + case.name.len()).sum(),
            cases.iter().filter_map(|case| case.ty).collect(),
        ),
        ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => {
            (names.iter().map(|name| NAME + name.len()).sum(), Vec::new())
        }
        ComponentDefinedType::Tuple(types) => (0, types.to_vec()),
        ComponentDefinedType::List(ty)
        | ComponentDefinedType::FixedLengthList(ty, _)
        | ComponentDefinedType::Option(ty) => (0, vec![*ty]),
        ComponentDefinedType::Map(key, value) => (0, vec![*key, *value]),
        ComponentDefinedType::Result { ok, err } => (0, ok.iter().chain(err).copied().collect()),
        ComponentDefinedType::Future(ty) | ComponentDefinedType::Stream(ty) => {
            (0, ty.iter().copied().collect())
        }
        ComponentDefinedType::Primitive(_)
        | ComponentDefinedType::Own(_)
        | ComponentDefinedType::Borrow(_) => (0, Vec::new()),
    }
}
