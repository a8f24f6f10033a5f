//! The loaded templates, and one render of one of them.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use foldhash::fast::RandomState;
use hydra_contract::{Plan, Template, TemplatePosition};
use tera::{
    Context, ErrorKind, Tera,
    value::{Key, Value},
};

use crate::page::{
    plan::{FILTER, PreparedPlan},
    render::{
        buffer::{OutputBuffer, SharedTexts},
        constant,
        filter::{Collector, FoundSite, HydraFilter},
        marker::{MarkerSecret, Part},
    },
    report::error::{EngineError, RenderError},
};

/// How many bytes a render may write beyond what the template wrote the last time before its buffer grows.
const SLACK_BYTES: usize = 512;

/// After a page whose fragments were not all kept, one page in this many is looked up as a whole.
const PAGES_PER_LOOK: usize = 16;

/// The templates of an application, loaded into Tera.
pub(crate) struct Templates {
    tera: Tera,
    plan: Arc<PreparedPlan>,
    marker_secret: MarkerSecret,
    sizes: Arc<Sizes>,
    texts: Arc<SharedTexts>,
    constant: HashMap<String, Constant, RandomState>,
}

/// A constant template.
#[derive(Debug, Default)]
pub(crate) struct Constant {
    /// What each render of it gives, once it was rendered.
    rendered: OnceLock<Rendered>,
    /// Whether a page of it may be answered as a whole, if its fragments are kept.
    is_simple: OnceLock<bool>,
    /// How many pages have been requested since one whose fragments were all kept.
    since_kept: AtomicUsize,
}

/// A rendered text, and the slots and holes in it.
#[derive(Clone, Debug)]
pub(crate) struct Rendered {
    /// The text, cut at its markers: see [`MarkerSecret::cut`].
    pub(crate) parts: Vec<Part>,
    /// From how many parts remains of markers were removed.
    pub(crate) damaged: usize,
    pub(crate) found: Vec<FoundSite>,
}

/// How many bytes each template wrote the last time, long texts aside. A render reserves that many, so that a page in
/// flight holds no more memory than its text needs.
struct Sizes(HashMap<String, AtomicUsize, RandomState>);

impl Sizes {
    fn new(plan: &Plan) -> Self {
        let size = |template: &Template| (template.name.clone(), AtomicUsize::default());
        Self(plan.templates.iter().map(size).collect())
    }

    fn expected(&self, template: &str) -> usize {
        self.0
            .get(template)
            .map_or(0, |size| size.load(Ordering::Relaxed) + SLACK_BYTES)
    }

    /// Remembers the size of `text` and gives back memory that it does not need.
    fn fit(&self, template: &str, mut text: Vec<u8>) -> Bytes {
        if let Some(size) = self.0.get(template) {
            size.store(text.len(), Ordering::Relaxed);
        }
        if text.capacity() - text.len() > text.len() / 4 + SLACK_BYTES {
            text.shrink_to_fit();
        }
        Bytes::from(text)
    }
}

/// Tera with more templates, and with the filter that prints markers.
fn with_templates(
    mut tera: Tera,
    templates: &[Template],
    plan: &Arc<PreparedPlan>,
    marker_secret: &MarkerSecret,
) -> Result<Tera, EngineError> {
    let filter = HydraFilter {
        plan: plan.clone(),
        marker_secret: marker_secret.clone(),
    };
    tera.register_filter(FILTER, filter);
    let sources = templates.iter();
    tera.add_raw_templates(sources.map(|template| (&template.name, &template.source)))
        .map_err(|error| EngineError::Templates(error.to_string()))?;
    match plan.template_names().find(|name| !tera.contains_template(name)) {
        Some(missing) => Err(EngineError::MissingTemplate(missing.clone())),
        None => Ok(tera),
    }
}

/// The constant templates, which no request has rendered yet.
fn constant(templates: &[Template], plan: &PreparedPlan) -> HashMap<String, Constant, RandomState> {
    let names = constant::names(templates, plan).into_iter();
    names.map(|name| (name.to_owned(), Constant::default())).collect()
}

impl Constant {
    /// Whether a page of it may be answered as a whole. `find` says so, and is asked once.
    pub(crate) fn is_simple(&self, find: impl FnOnce() -> bool) -> bool {
        *self.is_simple.get_or_init(find)
    }

    /// What each render gives. `None`: it was not yet rendered.
    pub(crate) fn rendered(&self) -> Option<&Rendered> {
        self.rendered.get()
    }

    /// Whether to look for all fragments of the next page at once. Where that was in vain, it is tried again for one page in some:
    /// a look costs as much as a fragment in the batch.
    pub(crate) fn may_be_kept(&self) -> bool {
        self.since_kept
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(PAGES_PER_LOOK)
    }

    /// All fragments of a page were kept.
    pub(crate) fn was_kept(&self) {
        self.since_kept.store(0, Ordering::Relaxed);
    }
}

impl Templates {
    /// Loads the templates of `plan` into `tera`, which has the application's filters and functions already. `seed` makes
    /// the markers and must be random.
    pub(crate) fn load(
        plan: Plan,
        prepared: Arc<PreparedPlan>,
        tera: Tera,
        seed: u128,
    ) -> Result<Self, EngineError> {
        let marker_secret = MarkerSecret::new(seed);
        Ok(Self {
            constant: constant(&plan.templates, &prepared),
            tera: with_templates(tera, &plan.templates, &prepared, &marker_secret)?,
            marker_secret,
            sizes: Arc::new(Sizes::new(&plan)),
            texts: Arc::new(SharedTexts::of(
                plan.templates.into_iter().map(|template| template.source),
            )),
            plan: prepared,
        })
    }

    /// The same with some templates that have other sources or are new. The others are not parsed again.
    #[cfg(debug_assertions)]
    pub(crate) fn updated(
        &self,
        changed: &[Template],
        prepared: Arc<PreparedPlan>,
        seed: u128,
    ) -> Result<Self, EngineError> {
        let marker_secret = MarkerSecret::new(seed);
        Ok(Self {
            // Nobody measures a service that is being developed.
            constant: HashMap::default(),
            tera: with_templates(self.tera.clone(), changed, &prepared, &marker_secret)?,
            marker_secret,
            sizes: self.sizes.clone(),
            texts: self.texts.clone(),
            plan: prepared,
        })
    }

    /// Renders `template`; the slots and holes in it are numbered from `first`. A panic in a filter, function or test is
    /// an error like others.
    pub(crate) fn render(
        &self,
        template: &str,
        context: &Context,
        first: u32,
    ) -> Result<Rendered, RenderError> {
        // The numbers are in the parts, so that only those of a whole page or fragment are the same again.
        let Some(constant) = self.constant.get(template).filter(|_| first == 0) else {
            return self.render_anew(template, context, first);
        };
        if let Some(rendered) = constant.rendered() {
            return Ok(rendered.clone());
        }
        let rendered = self.render_anew(template, context, first)?;
        Ok(constant.rendered.get_or_init(|| rendered).clone())
    }

    /// The template, if it is constant.
    pub(crate) fn constant(&self, template: &str) -> Option<&Constant> {
        self.constant.get(template)
    }

    fn render_anew(&self, template: &str, context: &Context, first: u32) -> Result<Rendered, RenderError> {
        let render = || {
            let collector = Collector::start(first);
            let mut buffer = OutputBuffer::new(&self.texts, self.sizes.expected(template));
            self.tera.render_to(template, context, &mut buffer)?;
            let text = buffer.finish(|text| self.sizes.fit(template, text));
            let found = collector.finish();
            let last = first.saturating_add(u32::try_from(found.len()).unwrap_or(u32::MAX));
            let (parts, damaged) = self.marker_secret.cut(&text, first..last);
            Ok(Rendered {
                parts,
                damaged,
                found,
            })
        };
        match catch_unwind(AssertUnwindSafe(render)) {
            Ok(rendered) => rendered.map_err(|error| {
                let error = self.describe(template, &error);
                match shows_typed(context) {
                    true => RenderError {
                        message: TYPED.to_owned(),
                        ..error
                    },
                    false => error,
                }
            }),
            Err(_) => Err(RenderError {
                place: self.place(template, 1, 1),
                message: "a filter, function or test panicked".to_owned(),
            }),
        }
    }

    /// The marker of the slot or hole `number`.
    #[cfg(test)]
    pub(crate) fn marker(&self, number: u32) -> String {
        self.marker_secret.print(number, str::to_owned)
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

    fn place(&self, template: &str, line: usize, column: usize) -> TemplatePosition {
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        self.plan.origins.original(template, number(line), number(column))
    }
}

/// Stands for Tera's message where that may quote what a visitor typed: messages are logged.
const TYPED: &str = "it can't show what was typed into its form";

/// Whether the template shows a form again that a visitor has sent, with what was typed into it.
fn shows_typed(context: &Context) -> bool {
    let form = context.get("form").and_then(Value::as_map);
    let action = form.and_then(|form| form.get(&Key::Str("action")));
    action
        .and_then(Value::as_str)
        .is_some_and(|action| !action.is_empty())
}
