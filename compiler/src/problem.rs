//! Problems as plain data: a code, a message, labels and a help. `report` formats them for people and programs.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;

use crate::limits::MAX_PROBLEMS_PER_CODE;
use crate::source::{Location, SourceId};

/// One mistake: what is wrong, where it stands, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The rule that is broken.
    pub code: Code,
    /// One line, in terms of the page.
    pub message: String,
    /// Every place involved. The first is where the mistake is.
    pub labels: Vec<Label>,
    /// How to correct it, with text that can be pasted where that is possible.
    pub help: Option<Cow<'static, str>>,
    /// How many more problems of its kind were found in its file, and left out.
    pub more: usize,
}

/// The problems in their order, at most `MAX_PROBLEMS_PER_CODE` of each code in each file. The last one that is kept counts those
/// that are left out.
#[must_use]
pub fn bounded(problems: Vec<Problem>) -> Vec<Problem> {
    match problems.len() {
        0..=MAX_PROBLEMS_PER_CODE => problems,
        _ => counted(problems),
    }
}

/// The same for an iterator, so that the problems beyond the bound are dropped as they are made.
pub(crate) fn counted(problems: impl IntoIterator<Item = Problem>) -> Vec<Problem> {
    let mut kept = ProblemCollector::default();
    kept.add_all(problems);
    kept.into_problems()
}

/// Makes the problems of one code in one file, in the order of the file. Those beyond `MAX_PROBLEMS_PER_CODE` are only counted,
/// since a file may consist of nothing else.
pub(crate) fn collect_bounded<T>(
    found: impl IntoIterator<Item = T>,
    problem: impl Fn(T) -> Problem,
) -> Vec<Problem> {
    let mut found = found.into_iter();
    let mut problems: Vec<Problem> = found.by_ref().take(MAX_PROBLEMS_PER_CODE).map(problem).collect();
    let more = found.count();
    if let Some(last) = problems.last_mut() {
        last.more += more;
    }
    problems
}

/// Collects problems. Those beyond `MAX_PROBLEMS_PER_CODE` are only counted, since a file may consist of nothing else.
#[derive(Default)]
pub(crate) struct ProblemCollector {
    kept: Vec<Problem>,
    /// By code and file: how many problems there are, and the index in `kept` of the last one.
    counts: BTreeMap<(Code, Option<SourceId>), (usize, usize)>,
}

impl ProblemCollector {
    /// Adds the problem of this code that `make` gives, whose first place is in the file `source`.
    pub(crate) fn push(&mut self, code: Code, source: SourceId, make: impl FnOnce() -> Problem) {
        self.count(code, Some(source), 1, make);
    }

    /// Adds a problem that is made already.
    pub(crate) fn add(&mut self, problem: Problem) {
        let source = problem.labels.first().map(|label| label.location.source);
        self.count(problem.code, source, 1 + problem.more, || problem);
    }

    /// The same for several.
    pub(crate) fn add_all(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.add(problem));
    }

    /// `many`: for how many problems the one stands that `make` gives.
    fn count(&mut self, code: Code, source: Option<SourceId>, many: usize, make: impl FnOnce() -> Problem) {
        let (count, last) = self.counts.entry((code, source)).or_default();
        *count += 1;
        if *count <= MAX_PROBLEMS_PER_CODE {
            *last = self.kept.len();
            self.kept.push(make());
        } else if let Some(last) = self.kept.get_mut(*last) {
            last.more += many;
        }
    }

    /// How many are kept so far.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The problems that are kept, in their order.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.kept
    }
}

/// The parts as one text, like `concat`, and faster for few and short parts.
#[inline]
pub(crate) fn joined(parts: &[&str]) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// A place that takes part in a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub location: Location,
    /// What stands there and takes part in the problem.
    pub text: Cow<'static, str>,
}

/// How severe a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The site can't be built.
    Error,
    /// The site works, though likely not as its author meant.
    Warning,
}

/// Writes the enum, its stable names and its severities in one table.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $severity:ident;)+) => {
        /// The rules of Hydra's templates (design section 3.4). A code is never given another meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All codes, in the order of the design.
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            /// The stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),+ }
            }

            /// Error or warning.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity),+ }
            }
        }
    };
}

codes! {
    /// Two fragments of one page give it the same attribute.
    ExportConflict = "export-conflict", Error;
    /// An export has the name of an attribute that the page itself provides.
    ExportShadowsAttribute = "export-shadows-attribute", Error;
    /// One export list gives the same name twice.
    DuplicateExport = "duplicate-export", Error;
    /// One import list gives the same name twice.
    DuplicateImport = "duplicate-import", Error;
    /// An import has the name of an attribute that the fragment itself provides.
    ImportConflict = "import-conflict", Error;
    /// Two names of one page become one in Tera or Rust.
    NameCollision = "name-collision", Error;
    /// A name that Tera or the generated code can't use.
    ReservedName = "reserved-name", Error;
    /// A fragment in a loop or a component exports.
    ExportInLoop = "export-in-loop", Error;
    /// A fragment that comes after the page exports, or is required.
    ModeConflict = "mode-conflict", Error;
    /// Nothing on the page provides the imported attribute.
    UnknownImport = "unknown-import", Error;
    /// Fragments wait for each other's exports.
    ImportCycle = "import-cycle", Error;
    /// No contract of that service is known.
    UnknownService = "unknown-service", Error;
    /// The service offers no such fragment.
    UnknownRef = "unknown-ref", Error;
    /// The fragment exports no such attribute.
    UnknownExport = "unknown-export", Error;
    /// The fragment imports no such attribute.
    UnknownFragmentImport = "unknown-fragment-import", Error;
    /// A Rust struct lacks a field that the template asks it for.
    UnknownField = "unknown-field", Error;
    /// A fragment needs an import that the tag does not pass.
    MissingImport = "missing-import", Error;
    /// A fragment needs an import of another type.
    TypeMismatch = "type-mismatch", Error;
    /// One service offers the same ref twice.
    DuplicateRef = "duplicate-ref", Error;
    /// A fragment tag without `ref`.
    MissingRef = "missing-ref", Error;
    /// An attribute that needs a value has none.
    EmptyValue = "empty-value", Error;
    /// A list of names that can't be read as one.
    BadList = "bad-list", Error;
    /// A name with characters that names don't have.
    BadName = "bad-name", Error;
    /// A duration without a number or a unit.
    BadDuration = "bad-duration", Error;
    /// One tag has the same attribute twice.
    DuplicateAttribute = "duplicate-attribute", Error;
    /// A tag has an attribute that Hydra does not know.
    UnknownAttribute = "unknown-attribute", Error;
    /// An element with Hydra's prefix that Hydra does not know.
    UnknownElement = "unknown-element", Error;
    /// A tag that is never closed.
    UnclosedTag = "unclosed-tag", Error;
    /// A closing tag that closes nothing.
    StrayCloseTag = "stray-close-tag", Error;
    /// A quoted value that never ends.
    UnclosedQuote = "unclosed-quote", Error;
    /// A file that is not UTF-8.
    NotUtf8 = "not-utf8", Error;
    /// A contract file that holds no contract, or a second one for the same service.
    BadContract = "bad-contract", Error;
    /// Nested deeper than the compiler follows.
    TooDeep = "too-deep", Error;
    /// Tera can't read it.
    TemplateSyntax = "template-syntax", Error;
    /// A fragment in something that Tera needs as a value.
    FragmentInCapture = "fragment-in-capture", Error;
    /// An export decides about something that can't wait.
    ExportInBlockStructure = "export-in-block-structure", Error;
    /// An export is used high on the page and holds back what follows.
    LateExport = "late-export", Warning;
    /// An import that only some ways through the page provide.
    MaybeUnset = "maybe-unset", Warning;
    /// An export that nothing on the page uses.
    UnusedExport = "unused-export", Warning;
    /// The template uses a name that nothing provides.
    UnknownPageAttribute = "unknown-page-attribute", Warning;
    /// No contract of the other service was given.
    NoContract = "no-contract", Warning;
    /// A value in quotes that HTML does not know.
    TypographicQuote = "typographic-quote", Warning;
    /// A fragment without a fallback.
    EmptyFallback = "empty-fallback", Warning;
    /// A fragment where HTML has text.
    FragmentAsText = "fragment-as-text", Warning;
    /// The markup links a style sheet or a script of another service.
    FileOfAnotherService = "file-of-another-service", Warning;
}

impl Code {
    /// The code of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl Problem {
    /// A problem with its first label.
    #[must_use]
    pub fn new(
        code: Code,
        message: impl Into<String>,
        location: Location,
        label: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            labels: vec![Label {
                location,
                text: label.into(),
            }],
            help: None,
            more: 0,
        }
    }

    /// The same problem with one more label.
    #[must_use]
    pub fn label(mut self, location: Location, text: impl Into<Cow<'static, str>>) -> Self {
        self.labels.push(Label {
            location,
            text: text.into(),
        });
        self
    }

    /// The message, with the number of further problems of its kind where there are any.
    #[must_use]
    pub fn counted_message(&self) -> Cow<'_, str> {
        match self.more {
            0 => Cow::Borrowed(&self.message),
            more => Cow::Owned(format!(
                "{} (and {more} more of this kind in this file)",
                self.message
            )),
        }
    }

    /// The same problem with a help: how to correct it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.help = Some(help.into());
        self
    }
}
