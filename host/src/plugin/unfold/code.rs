//! What the code of a component costs to compile. The compiler keeps a value for each variable at
//! each place where two ways through a function meet, so a function of a few hundred KB can take
//! hours and all memory. What tools build is far from that.

use wasmparser::{CompositeInnerType, FunctionBody, Operator, Parser, Payload, TypeSectionReader};

use super::{Found, broken};

/// Bytes of one function. The largest of a component of Python has 0.4 MiB.
const LONGEST: u64 = 1024 * 1024;
/// Variables times places where ways meet, of one function. JavaScript has one of 600,000.
const MOST_OF_ONE: u64 = 5_000_000;
/// And of all together; Python and JavaScript have 15,000,000.
const MOST_OF_ALL: u64 = 150_000_000;
/// The squares of the lengths of all functions together: a long one costs more than two short ones.
/// Python has a tenth.
const MOST_SQUARES: u64 = 2_500_000_000_000;

/// Refuses code that would take very long to compile.
///
/// # Errors
/// What is too much about it.
pub(super) fn check(bytes: &[u8]) -> Found<()> {
    let (mut arity, mut all, mut squares) = (0, 0_u64, 0_u64);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::TypeSection(types) => arity = widest(types)?,
            Payload::CodeSectionEntry(body) => {
                let length = body.range().len() as u64;
                if length > LONGEST {
                    return Err(format!(
                        "a function of it has {length} bytes, more than the {LONGEST} that are \
                         compiled; make several of it"
                    ));
                }
                let meetings = variables(&body, arity)?.saturating_mul(places(&body)?);
                if meetings > MOST_OF_ONE {
                    return Err(format!(
                        "a function of {length} bytes in it has too many variables for its many \
                         branches; make several of it"
                    ));
                }
                all = all.saturating_add(meetings);
                squares = squares.saturating_add(length * length);
            }
            _ => {}
        }
    }
    if all > MOST_OF_ALL || squares > MOST_SQUARES {
        return Err(
            "its functions together would take too long to compile; build it with fewer \
                    and shorter ones"
                .to_owned(),
        );
    }
    Ok(())
}

/// The most that a function of these types, or a block, takes and gives.
fn widest(types: TypeSectionReader<'_>) -> Found<u64> {
    let mut widest = 0;
    for group in types {
        for ty in group.map_err(broken)?.types() {
            if let CompositeInnerType::Func(func) = &ty.composite_type.inner {
                widest = widest.max(func.params().len() + func.results().len());
            }
        }
    }
    Ok(widest as u64)
}

fn variables(body: &FunctionBody<'_>, arity: u64) -> Found<u64> {
    let mut variables = arity + 1;
    for locals in body.get_locals_reader().map_err(broken)? {
        let (count, _) = locals.map_err(broken)?;
        variables += u64::from(count);
    }
    Ok(variables)
}

fn places(body: &FunctionBody<'_>) -> Found<u64> {
    let mut places = 1;
    for operator in body.get_operators_reader().map_err(broken)? {
        places += match operator.map_err(broken)? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::Br { .. }
            | Operator::BrIf { .. } => 1,
            Operator::BrTable { targets } => 1 + u64::from(targets.len()),
            _ => 0,
        };
    }
    Ok(places)
}
