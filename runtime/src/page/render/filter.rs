//! The `__hydra` filter: it records what the slot or hole with this index needs, and prints a marker.
//!
//! Tera gives a filter no state of its own, and components see neither context nor globals. Therefore a thread local
//! collects the sites during one render, which is synchronous.
#![deny(clippy::disallowed_methods)]

use std::{cell::RefCell, sync::Arc};

use tera::{Error, Filter, Kwargs, State, TeraResult, Value};

use crate::page::{
    plan::{PreparedKind, PreparedPlan, PreparedSite, PreparedSlot, fragment_name::FragmentName},
    render::{marker::MarkerSecret, value::follow},
};

/// The members of `loop` that a lifted text finds, in the order of the argument `l`.
const LOOP: [&str; 5] = ["index", "index0", "first", "last", "length"];

/// A slot or hole that a render reached.
#[derive(Clone, Debug)]
pub(crate) struct FoundSite {
    /// An index into the sites of the plan.
    pub(crate) site: usize,
    /// The values of the lifted text's captures, then those of the imports, in their orders. A value that does not
    /// exist is undefined.
    pub(crate) values: Box<[Value]>,
    /// The map `loop` for the lifted text.
    pub(crate) loop_variables: Option<Value>,
    /// For a slot: the fragment that it shows.
    pub(crate) fragment: Option<FragmentName>,
}

/// How many slots and holes a render reserves memory for.
const USUAL: usize = 8;

struct Collected {
    found: Vec<FoundSite>,
    first: u32,
}

thread_local! {
    static COLLECTED: RefCell<Option<Collected>> = const { RefCell::new(None) };
}

/// Collects the sites of one render. Dropping it, also in a panic, restores the collection of a render around it.
pub(crate) struct Collector {
    outer: Option<Collected>,
}

impl Collector {
    /// Starts to collect. The first site gets the number `first`.
    pub(crate) fn start(first: u32) -> Self {
        Self {
            outer: COLLECTED.replace(Some(Collected {
                found: Vec::with_capacity(USUAL),
                first,
            })),
        }
    }

    /// The sites, in the order of the calls.
    pub(crate) fn finish(self) -> Vec<FoundSite> {
        COLLECTED
            .take()
            .map(|collected| collected.found)
            .unwrap_or_default()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        COLLECTED.set(self.outer.take());
    }
}

/// The filter itself.
pub(crate) struct HydraFilter {
    pub(crate) plan: Arc<PreparedPlan>,
    pub(crate) marker_secret: MarkerSecret,
}

impl Filter<usize, TeraResult<Value>> for HydraFilter {
    fn call(&self, index: usize, arguments: Kwargs, state: &State) -> TeraResult<Value> {
        let found = self.find(index, &arguments, state)?;
        COLLECTED.with_borrow_mut(|collected| {
            let collected = collected
                .as_mut()
                .ok_or_else(|| Error::message("`__hydra` works in pages only"))?;
            let number = u32::try_from(collected.found.len())
                .ok()
                .and_then(|count| collected.first.checked_add(count))
                .ok_or_else(|| Error::message("too many fragments on one page"))?;
            collected.found.push(found);
            Ok(self.marker_secret.print(number, Value::safe_string))
        })
    }

    fn is_safe(&self) -> bool {
        true
    }
}

impl HydraFilter {
    fn find(&self, index: usize, arguments: &Kwargs, state: &State) -> TeraResult<FoundSite> {
        let site = self
            .plan
            .sites
            .get(index)
            .ok_or_else(|| Error::message(format!("the plan has no site {index}")))?;
        let fragment = match &site.kind {
            PreparedKind::Slot(slot) => Some(self.fragment(slot, arguments)?),
            PreparedKind::Hole { .. } => None,
        };
        Ok(FoundSite {
            site: index,
            values: values(site, state),
            loop_variables: loop_variables(arguments)?,
            fragment,
        })
    }

    fn fragment(&self, slot: &PreparedSlot, arguments: &Kwargs) -> TeraResult<FragmentName> {
        let owner = match &slot.service {
            Some(owner) => owner.clone(),
            None => self.plan.owner(&text(arguments, "service")?),
        };
        let reference = match &slot.reference {
            Some(reference) => reference.clone(),
            None => Arc::from(text(arguments, "ref")?),
        };
        Ok(FragmentName { owner, reference })
    }
}

/// The values of the captures and imports of `site` at the place of the call.
fn values(site: &PreparedSite, state: &State) -> Box<[Value]> {
    let (captures, imports) = (site.captures(), site.imports());
    let mut values = Vec::with_capacity(captures.len() + imports.len());
    values.extend(captures.iter().map(|name| read(state, name)));
    values.extend(imports.iter().map(|import| match import.from.split_first() {
        Some((name, members)) => follow(read(state, name), members),
        None => Value::undefined(),
    }));
    values.into_boxed_slice()
}

fn read(state: &State, name: &str) -> Value {
    // Every value is a `Value`: this can't fail.
    state
        .get::<Value>(name)
        .ok()
        .flatten()
        .unwrap_or_else(Value::undefined)
}

/// The text of a computed attribute. Without a value, it is empty.
fn text(arguments: &Kwargs, name: &str) -> TeraResult<String> {
    Ok(arguments
        .get::<&Value>(name)?
        .map(Value::to_string)
        .unwrap_or_default())
}

fn loop_variables(arguments: &Kwargs) -> TeraResult<Option<Value>> {
    let Some(values) = arguments.get::<&[Value]>("l")? else {
        return Ok(None);
    };
    let mut map = tera::Map::with_capacity(LOOP.len());
    for (name, value) in LOOP.into_iter().zip(values) {
        map.insert(name.into(), value.clone());
    }
    Ok(Some(Value::from(map)))
}

#[cfg(test)]
mod tests {
    use tera::{Context, Tera};

    use super::*;
    use crate::page::{
        plan::FILTER,
        plans::{plan, slot},
    };

    fn tera() -> Tera {
        let plan = Arc::new(PreparedPlan::new(&plan(&[], [slot("s/f")]), "own"));
        let mut tera = Tera::default();
        tera.register_filter(
            FILTER,
            HydraFilter {
                plan,
                marker_secret: MarkerSecret::new(1),
            },
        );
        tera.add_raw_template("a.html", "{{ 0 | __hydra }}").unwrap();
        tera
    }

    #[test]
    fn a_call_without_a_collector_is_a_plain_error() {
        let error = tera().render("a.html", &Context::new()).unwrap_err();
        assert!(error.to_string().contains("works in pages only"), "{error}");
    }

    #[test]
    fn a_render_within_a_render_leaves_the_outer_notes_alone() {
        let (tera, context) = (tera(), Context::new());
        let outer = Collector::start(0);
        tera.render("a.html", &context).unwrap();
        {
            let inner = Collector::start(10);
            tera.render("a.html", &context).unwrap();
            assert!(
                tera.render("a.html", &context)
                    .unwrap()
                    .ends_with("\u{3}\u{19}\u{2}")
            );
            assert_eq!(inner.finish().len(), 2);
        }
        assert!(
            tera.render("a.html", &context)
                .unwrap()
                .ends_with("\u{3}\u{f}\u{2}")
        );
        assert_eq!(outer.finish().len(), 2);
        assert!(
            tera.render("a.html", &context).is_err(),
            "nothing collects any more"
        );
    }
}
