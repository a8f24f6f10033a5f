//! The codes of problems, from one table: its names, severities and documentation can't disagree.
#![deny(clippy::disallowed_methods)]

use serde::Serialize;

/// How severe a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The site can't be built.
    Error,
    /// The site works, though likely not as its author meant.
    Warning,
}

/// Writes the enum from one table. The documentation of each code is its page in `explain/`, which has its name.
macro_rules! codes {
    ($($variant:ident = $name:literal, $severity:ident;)+) => {
        /// The rules of Hydra's templates (design section 3.4). A code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = include_str!(concat!("../explain/", $name, ".md"))] $variant,)+
        }

        impl Code {
            /// All codes, in the order of the design.
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            /// The stable name, such as `export-conflict`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),+ }
            }

            /// The severity of every problem with this code.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity),+ }
            }

            /// The page that describes the rule, in Markdown.
            pub(crate) fn documentation(self) -> &'static str {
                match self { $(Code::$variant => include_str!(concat!("../explain/", $name, ".md"))),+ }
            }
        }
    };
}

codes! {
    ExportConflict = "export-conflict", Error;
    ExportShadowsAttribute = "export-shadows-attribute", Error;
    DuplicateExport = "duplicate-export", Error;
    DuplicateImport = "duplicate-import", Error;
    ImportConflict = "import-conflict", Error;
    NameCollision = "name-collision", Error;
    ReservedName = "reserved-name", Error;
    ExportInLoop = "export-in-loop", Error;
    ModeConflict = "mode-conflict", Error;
    UnknownImport = "unknown-import", Error;
    ImportCycle = "import-cycle", Error;
    UnknownService = "unknown-service", Error;
    UnknownRef = "unknown-ref", Error;
    UnknownExport = "unknown-export", Error;
    UnknownFragmentImport = "unknown-fragment-import", Error;
    UnknownField = "unknown-field", Error;
    MissingImport = "missing-import", Error;
    TypeMismatch = "type-mismatch", Error;
    DuplicateRef = "duplicate-ref", Error;
    DuplicateAction = "duplicate-action", Error;
    MisplacedAction = "misplaced-action", Error;
    FormInForm = "form-in-form", Error;
    FormOverride = "form-override", Error;
    MissingRef = "missing-ref", Error;
    EmptyValue = "empty-value", Error;
    BadList = "bad-list", Error;
    BadName = "bad-name", Error;
    BadDuration = "bad-duration", Error;
    DuplicateAttribute = "duplicate-attribute", Error;
    UnknownAttribute = "unknown-attribute", Error;
    UnknownElement = "unknown-element", Error;
    UnclosedTag = "unclosed-tag", Error;
    StrayCloseTag = "stray-close-tag", Error;
    UnclosedQuote = "unclosed-quote", Error;
    NotUtf8 = "not-utf8", Error;
    PathMismatch = "path-mismatch", Error;
    BadContract = "bad-contract", Error;
    TooDeep = "too-deep", Error;
    TemplateSyntax = "template-syntax", Error;
    FragmentInCapture = "fragment-in-capture", Error;
    ExportInBlockStructure = "export-in-block-structure", Error;
    LateExport = "late-export", Warning;
    MaybeUnset = "maybe-unset", Warning;
    UnusedExport = "unused-export", Warning;
    UnknownPageAttribute = "unknown-page-attribute", Warning;
    NoContract = "no-contract", Warning;
    TypographicQuote = "typographic-quote", Warning;
    EmptyFallback = "empty-fallback", Warning;
    FragmentAsText = "fragment-as-text", Warning;
    OtherEngine = "other-engine", Warning;
    UnmatchedEndTag = "unmatched-end-tag", Warning;
    HalfDelimiter = "half-delimiter", Warning;
    ContractFileName = "contract-file-name", Warning;
    FileOfAnotherService = "file-of-another-service", Warning;
    FormWithBase = "form-with-base", Warning;
}

impl Code {
    /// The code with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.name() == name)
    }
}
