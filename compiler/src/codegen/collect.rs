//! From a checked site to the [`Model`].
#![deny(clippy::disallowed_methods)]

mod spots;

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::{Contract, FragmentContract, Type};

use super::model::{Attribute, Export, Import, MODEL_FORMAT, Model, Need, Offer, Page, Slot};
use crate::{
    check::Known,
    fragment::{Attributed, Fragment, Item, Text},
    model::{
        Attributes, Components, Page as Walked, Source, Tag, Unit, UnitKind, UseKind, snake_case, spelled,
        units, walk,
    },
    site::Site,
    suggest::free_alias,
    tree::{self, within},
};
use spots::Spots;

/// What the templates of a site need and give. The site has no errors; `own` is what it offers itself.
#[must_use]
pub fn collect(site: &Site<'_>, known: &Known<'_>, own: &Contract) -> Model {
    let components = Components::of(site);
    let collector = Collector {
        site,
        known,
        own,
        spots: Spots { site },
    };
    let mut model = Model {
        format: MODEL_FORMAT,
        ..Model::default()
    };
    for unit in units(site, known.page_types) {
        let offered = match unit.kind {
            UnitKind::Components => continue,
            UnitKind::Page => Vec::new(),
            UnitKind::Offer(offer) => match within(&site.files[unit.file].tree.nodes, offer.span) {
                Some(nodes) => nodes,
                None => continue,
            },
        };
        let attributes = Attributes::of(site, &unit, known.page_types);
        let walked = walk(site, &components, unit, &offered, attributes);
        match unit.kind {
            UnitKind::Offer(offer) => model.offers.extend(collector.offer(&unit, offer, &walked)),
            _ => model.pages.push(collector.page(&unit, &walked)),
        }
    }
    model
        .pages
        .sort_by(|one, other| one.template.cmp(&other.template));
    model
        .offers
        .sort_by(|one, other| one.reference.cmp(&other.reference));
    model
}

struct Collector<'c, 's> {
    site: &'c Site<'s>,
    known: &'c Known<'c>,
    own: &'c Contract,
    spots: Spots<'c, 's>,
}

impl Collector<'_, '_> {
    fn page(&self, unit: &Unit<'_>, walked: &Walked<'_>) -> Page {
        Page {
            template: self.site.files[unit.file].source.name.clone(),
            needs: self.needs(walked),
            exports: self.exports(walked),
            imports: walked.tags.iter().flat_map(|tag| self.imports(tag)).collect(),
            slots: walked.tags.iter().map(|tag| self.slot(tag)).collect(),
        }
    }

    /// What the handler has to give: names that nothing else gives for certain, each at its first use.
    fn needs(&self, walked: &Walked<'_>) -> Vec<Need> {
        let exported = exported(walked);
        let mut needs = BTreeMap::new();
        for used in &walked.uses {
            let wanted =
                matches!(used.kind, UseKind::Expression | UseKind::Import) && used.component.is_none();
            let name = used.name.as_ref();
            let other =
                exported.contains(name) || walked.attributes.tolerated.iter().any(|known| known == name);
            if wanted && !other {
                needs
                    .entry(name.to_owned())
                    .or_insert((used.order, used.location));
            }
        }
        let mut needs: Vec<_> = needs.into_iter().collect();
        needs.sort_by_key(|(_, (order, _))| *order);
        let needs = needs.into_iter().map(|(name, (_, location))| Need {
            name,
            spot: self.spots.at(location),
        });
        needs.collect()
    }

    fn exports(&self, walked: &Walked<'_>) -> Vec<Export> {
        let mut taken: BTreeSet<String> = walked.uses.iter().map(|used| snake_case(&used.name)).collect();
        taken.extend(exported(walked).iter().map(|name| snake_case(name)));
        let is_taken = |name: &str| taken.contains(&snake_case(name));
        let tags = walked.tags.iter().filter(|tag| tag.may_export());
        let exports = tags.flat_map(|tag| {
            tag.exports().map(move |item| {
                let alias = free_alias(item.target(), service(&tag.node.fragment), &is_taken);
                Export {
                    name: spelled(item.target()).into_owned(),
                    giver: title(&tag.node.fragment),
                    renamed: format!("{} as {alias}", item.name()),
                    spot: self.spots.at(item.target_span.at(tag.source)),
                }
            })
        });
        exports.collect()
    }

    /// The attributes of the page that a tag hands over whole.
    fn imports(&self, tag: &Tag<'_>) -> Vec<Import> {
        let contract = self.contract(&tag.node.fragment);
        let items = tag.node.fragment.imports.iter().zip(&tag.imports);
        let of_page = items.filter(|(item, source)| **source == Source::Page && item.path.len() == 1);
        let imports = of_page.map(|(item, _)| Import {
            name: spelled(item.root()).into_owned(),
            to: item.target().to_owned(),
            taker: title(&tag.node.fragment),
            ty: import_type(contract, item),
            spot: self.spots.at(item.name_span.at(tag.source)),
        });
        imports.collect()
    }

    fn slot(&self, tag: &Tag<'_>) -> Slot {
        let fragment = &tag.node.fragment;
        let contract = self.contract(fragment);
        let imports = fragment.imports.iter().map(|item| Attribute {
            name: item.target().to_owned(),
            ty: import_type(contract, item),
        });
        let exports = tag.exports().map(|item| Attribute {
            name: spelled(item.target()).into_owned(),
            ty: contract
                .and_then(|contract| contract.exports.get(&item.name()))
                .cloned()
                .unwrap_or_default(),
        });
        Slot {
            service: service(fragment).to_owned(),
            reference: fixed(fragment.reference.as_ref()).to_owned(),
            imports: imports.collect(),
            exports: exports.collect(),
            spot: self.spots.at(tag.location()),
        }
    }

    fn offer(&self, unit: &Unit<'_>, offer: &tree::Offer, walked: &Walked<'_>) -> Option<Offer> {
        let reference = offer.tag.reference.as_ref()?.value.clone();
        let imports: BTreeSet<_> = offer
            .tag
            .imports
            .iter()
            .map(|import| spelled(&import.name))
            .collect();
        let stated = offer.tag.attributes.iter().flatten().chain(&offer.tag.exports);
        let stated = stated.map(|stated| Attribute {
            name: spelled(&stated.name).into_owned(),
            ty: stated.ty.clone(),
        });
        let used = self.needs(walked).into_iter().map(|need| Attribute {
            name: need.name,
            ty: Type::Any,
        });
        let mut seen = BTreeSet::new();
        let attributes = stated.chain(used).filter(|attribute| {
            !imports.contains(attribute.name.as_str()) && seen.insert(attribute.name.clone())
        });
        Some(Offer {
            reference,
            imports: offer
                .tag
                .imports
                .iter()
                .map(|import| Attribute {
                    name: import.name.clone(),
                    ty: import.ty.clone(),
                })
                .collect(),
            attributes: attributes.collect(),
            exports: offer
                .tag
                .exports
                .iter()
                .map(|export| export.name.clone())
                .collect(),
            spot: self.spots.at(offer.open.at(self.site.files[unit.file].id)),
        })
    }

    /// What is known of the fragment of a tag.
    fn contract(&self, fragment: &Fragment) -> Option<&FragmentContract> {
        let reference = fixed(fragment.reference.as_ref());
        let service = fragment.fixed_service()?;
        let is_own = service.is_empty() || self.known.options.service.as_deref() == Some(service);
        let contract = if is_own {
            self.own
        } else {
            &self.known.contracts.get(service)?.contract
        };
        contract.fragments.get(reference)
    }
}

/// The names that fragments give to the page, as Tera spells them.
fn exported(walked: &Walked<'_>) -> BTreeSet<String> {
    let tags = walked.tags.iter().filter(|tag| tag.may_export());
    tags.flat_map(Tag::exports)
        .map(|item| spelled(item.target()).into_owned())
        .collect()
}

fn import_type(contract: Option<&FragmentContract>, item: &Item) -> Type {
    let import = contract.and_then(|contract| contract.imports.get(item.target()));
    import.map(|import| import.ty.clone()).unwrap_or_default()
}

/// The text of an attribute that is no expression.
fn fixed(text: Option<&Attributed<Text>>) -> &str {
    match text {
        Some(Attributed {
            value: Text::Fixed(text),
            ..
        }) => text,
        _ => "",
    }
}

/// The service of a tag as far as it is known; empty for this one.
fn service(fragment: &Fragment) -> &str {
    fragment.fixed_service().unwrap_or_default()
}

/// A fragment, for people.
fn title(fragment: &Fragment) -> String {
    let reference = fixed(fragment.reference.as_ref());
    match service(fragment) {
        "" => format!("`{reference}` of this service"),
        service => format!("`{reference}` of `{service}`"),
    }
}
