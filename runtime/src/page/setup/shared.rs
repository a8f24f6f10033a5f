//! The loaded templates, and one render of one of them.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use hydra_contract::{PLAN_FORMAT, Place, Plan, Template};
use hydra_runtime_wire::Asset;
use tera::{Context, ErrorKind, Tera};

use crate::page::{
    after_page::Later,
    assets,
    cache::Reuse,
    plan::{FILTER, Prepared},
    render::{
        buffer::{Canvas, Text, Texts},
        filter::{Call, Collector, Found},
        marker::Nonce,
    },
    report::{
        counters::Meter,
        error::{EngineError, RenderError},
    },
    setup::options::Options,
};

/// Room for what may be longer than the last time, in bytes.
const SLACK: usize = 512;

/// All that the requests of an engine share.
pub(crate) struct Core {
    pub(crate) plan: Arc<Prepared>,
    pub(crate) options: Options,
    pub(crate) nonce: Nonce,
    pub(crate) meter: Meter,
    /// Answers that are used again. `None`: none is.
    pub(crate) reuse: Option<Arc<Reuse>>,
    /// What fragments need that come after their page. `None`: there are none, or there can't be.
    pub(crate) later: Option<Later>,
    /// What each offered fragment needs, by `ref`.
    assets: HashMap<String, Vec<Asset>>,
    sizes: Sizes,
    texts: Texts,
    tera: Tera,
}

/// A rendered text and the slots and holes in it.
pub(crate) struct Rendered {
    pub(crate) text: Text,
    pub(crate) found: Vec<Found>,
}

/// How much each template wrote the last time, long texts aside: so that a render needs no more room than its text, and a
/// page in flight holds no more.
struct Sizes(HashMap<String, AtomicUsize>);

impl Sizes {
    fn new(plan: &Plan) -> Self {
        let size = |template: &Template| (template.name.clone(), AtomicUsize::default());
        Self(plan.templates.iter().map(size).collect())
    }

    fn expect(&self, template: &str) -> usize {
        self.0
            .get(template)
            .map_or(0, |size| size.load(Ordering::Relaxed) + SLACK)
    }

    fn fit(&self, template: &str, mut text: Vec<u8>) -> Bytes {
        if let Some(size) = self.0.get(template) {
            size.store(text.len(), Ordering::Relaxed);
        }
        if text.capacity() - text.len() > text.len() / 4 + SLACK {
            text.shrink_to_fit();
        }
        Bytes::from(text)
    }
}

impl Core {
    /// Loads `plan`. `seed` makes the markers and must be random. The application adds its filters and functions in `setup`.
    pub(crate) fn new(
        plan: Plan,
        options: Options,
        seed: u128,
        setup: impl FnOnce(&mut Tera),
    ) -> Result<Self, EngineError> {
        if plan.format != PLAN_FORMAT {
            return Err(EngineError::Format {
                found: plan.format,
                expected: PLAN_FORMAT,
            });
        }
        let prepared = Arc::new(Prepared::new(&plan, &options.service));
        let nonce = Nonce::new(seed);
        let mut tera = Tera::default();
        assets::function::register(&options, &mut tera);
        setup(&mut tera);
        tera.register_filter(
            FILTER,
            Call {
                plan: prepared.clone(),
                nonce: nonce.clone(),
            },
        );
        tera.add_raw_templates(
            plan.templates
                .iter()
                .map(|template| (&template.name, &template.source)),
        )
        .map_err(|error| EngineError::Templates(error.to_string()))?;
        let lifted = prepared
            .sites
            .iter()
            .filter_map(|site| site.lifted())
            .map(|text| &text.template);
        let named = prepared
            .pages
            .keys()
            .chain(prepared.offers.values())
            .chain(lifted);
        if let Some(missing) = named.into_iter().find(|name| !tera.contains_template(name)) {
            return Err(EngineError::MissingTemplate(missing.clone()));
        }
        let meter = Meter::new(prepared.fragments());
        let later = options.later.clone().filter(|_| plan.has_later());
        Ok(Self {
            plan: prepared,
            reuse: Reuse::new(options.fragment_cache),
            assets: assets::offered(&plan.contract, &options.resources),
            options,
            nonce,
            meter,
            later,
            sizes: Sizes::new(&plan),
            texts: Texts::of(plan.templates.into_iter().map(|template| template.source)),
            tera,
        })
    }

    /// The style sheets and scripts of the offered fragment `reference`.
    pub(crate) fn assets_of(&self, reference: &str) -> Vec<Asset> {
        self.assets.get(reference).cloned().unwrap_or_default()
    }

    /// Renders `template`; the places in it are numbered from `first`. A panic in a filter is an error like others.
    pub(crate) fn render(
        &self,
        template: &str,
        context: &Context,
        first: u32,
    ) -> Result<Rendered, RenderError> {
        let render = || {
            let collector = Collector::start(first);
            let mut canvas = Canvas::new(&self.texts, self.sizes.expect(template));
            self.tera.render_to(template, context, &mut canvas)?;
            Ok(Rendered {
                text: canvas.finish(|text| self.sizes.fit(template, text)),
                found: collector.finish(),
            })
        };
        match catch_unwind(AssertUnwindSafe(render)) {
            Ok(rendered) => rendered.map_err(|error| self.describe(template, &error)),
            Err(_) => Err(RenderError {
                place: self.place(template, 1, 1),
                message: "a filter, function or test panicked".to_owned(),
            }),
        }
    }

    fn describe(&self, template: &str, error: &tera::Error) -> RenderError {
        match error.kind() {
            ErrorKind::RenderingError(report) | ErrorKind::SyntaxError(report) => {
                let span = report.span();
                RenderError {
                    place: self.place(report.filename(), span.start_line, span.start_col + 1),
                    message: report.message().to_owned(),
                }
            }
            _ => RenderError {
                place: self.place(template, 1, 1),
                message: error.to_string(),
            },
        }
    }

    fn place(&self, template: &str, line: usize, column: usize) -> Place {
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        self.plan.origins.original(template, number(line), number(column))
    }
}
