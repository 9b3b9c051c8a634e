//! The way from text to plan, in one go or stage by stage.

use model::Catalog;

use crate::{Definition, Faults, Plan, Source, Validated, decode, faults::Mistakes, node, resolve, validate};

/// Compiles `source` with processors from `catalog`.
///
/// # Errors
/// Every mistake of every stage: a wrong key does not hide a bundle that is not there. Only a text
/// that is not well-formed ends it early.
pub fn compile(source: &Source, catalog: &dyn Catalog) -> Result<Plan, Faults> {
    let (definition, mut mistakes) = decode(source)?;
    let wiring = validate::check(&definition, &mut mistakes);
    let resolved = resolve::steps(&definition, catalog, &mut mistakes);
    mistakes.into_result(source)?;
    Ok(Plan::assemble(source, definition, wiring, resolved))
}

/// Reads the shape of `source` alone: keys, types, names and ranges.
///
/// # Errors
/// Every mistake of shape.
pub fn parse(source: &Source) -> Result<Definition, Faults> {
    let (definition, mistakes) = decode(source)?;
    mistakes.into_result(source)?;
    Ok(definition)
}

fn decode(source: &Source) -> Result<(Definition, Mistakes), Faults> {
    let root = node::read(source).map_err(|mistakes| mistakes.into_faults(source))?;
    let mut mistakes = Mistakes::default();
    let definition = decode::definition(&root, &mut mistakes);
    Ok((definition, mistakes))
}

impl Definition {
    /// Checks what the definition means by itself, without a bundle at hand. `source` is what it was
    /// parsed from.
    ///
    /// # Errors
    /// Every mistake of meaning: steps, jumps, outputs, tests.
    pub fn validate(self, source: &Source) -> Result<Validated, Faults> {
        let mut mistakes = Mistakes::default();
        let wiring = validate::check(&self, &mut mistakes);
        mistakes.into_result(source)?;
        Ok(Validated { definition: self, wiring })
    }
}

impl Validated {
    /// Resolves every step. `source` is what the definition was parsed from.
    ///
    /// # Errors
    /// Everything that `catalog` refuses.
    pub fn plan(self, source: &Source, catalog: &dyn Catalog) -> Result<Plan, Faults> {
        let mut mistakes = Mistakes::default();
        let resolved = resolve::steps(&self.definition, catalog, &mut mistakes);
        mistakes.into_result(source)?;
        Ok(Plan::assemble(source, self.definition, self.wiring, resolved))
    }
}
