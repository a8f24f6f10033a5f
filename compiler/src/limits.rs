//! Every bound of the compiler, with its unit in the name and its reason beside it. A template, a contract or a crate that
//! exceeds one gets a problem or a shorter report; it never takes memory or time without end.
#![deny(clippy::disallowed_methods)]

// Reading files.

/// The largest file that is read. Offsets in it fit in 32 bits with room to spare.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 30;

/// How deep folders are followed. A template folder never nests deeper; links that lead in a circle do.
pub(crate) const MAX_FOLDER_DEPTH: usize = 64;

/// How many files a folder may hold. No site has more; links that lead in a circle seem to.
pub(crate) const MAX_FILES_PER_FOLDER: usize = 1_000_000;

// Parsing.

/// The largest tag. What follows these bytes belongs to no attribute, so that a quote that never ends costs little.
pub(crate) const MAX_TAG_BYTES: usize = 1 << 16;

/// How many attributes of a tag are kept. Hydra knows nine, so that most of so many are reported as unknown or double.
pub(crate) const MAX_ATTRIBUTES_PER_TAG: usize = 1_000;

/// Through how many open elements a tag looks for the one that it ends. A longer search for each tag would take too long in a
/// hostile file.
pub(crate) const MAX_ELEMENTS_SEARCHED: usize = 500;

/// Through how many unknown elements a closing tag looks for its own. A longer search for each tag would take too long in a
/// hostile file.
pub(crate) const MAX_UNKNOWN_ELEMENTS_SEARCHED: usize = 64;

/// How deep Hydra's tags may nest: functions that call themselves for each level must not exhaust the stack.
pub(crate) const MAX_TAG_DEPTH: usize = 64;

/// How deep statements may nest: as deep as Tera takes them.
pub(crate) const MAX_STATEMENT_DEPTH: usize = 39;

/// How many fragments one file may have, and how many it may offer. Each takes many times the memory of its text, and no file
/// that people write has as many.
pub(crate) const MAX_FRAGMENTS_PER_FILE: usize = 10_000;

/// How many offered elements may lie inside each other. Each becomes a template of its own, with all that lies in it.
pub(crate) const MAX_OFFER_DEPTH: usize = 16;

/// How many forms with an action one file may have. Each is compared with all that stands around it and before it.
pub(crate) const MAX_ACTIONS_PER_FILE: usize = 500;

/// How many fields a form may have. Owners refuse more.
pub(crate) const MAX_FORM_FIELDS: usize = 200;

/// How many names of a `for` are kept. Tera takes two; the third shows that there are too many.
pub(crate) const MAX_FOR_NAMES: usize = 3;

/// How many names one list may have. Each takes many times the memory of its text, and no page passes so many values.
pub(crate) const MAX_NAMES_PER_LIST: usize = 1_000;

/// How many words of an item are looked at. An item has at most three, and the report about a longer one needs no more.
pub(crate) const MAX_WORDS_PER_ITEM: usize = 5;

/// How deep the types of typed lists are followed. The type of a contract is never deeper.
pub(crate) const MAX_TYPE_DEPTH: u32 = 16;

/// The longest plain expression that is taken without Tera's parser, which bounds how many members one expression may have.
pub(crate) const MAX_PLAIN_EXPRESSION_BYTES: usize = 200;

/// How many branches may lie inside each other, where each `elif` counts as inside of its `if`, as in Tera's parser. That parser
/// calls itself once for each branch and has no bound of its own.
pub(crate) const MAX_BRANCH_DEPTH: usize = 150;

/// How many statements of long lists are remembered to leave out those that Tera has seen already.
pub(crate) const MAX_REPEATED_TEXTS: usize = 1_000;

// Whole pages.

/// How deep a page may nest, with includes and calls added up. Tera stops at 40 in one file.
pub(crate) const MAX_PAGE_DEPTH: u32 = 200;

/// How many nodes of a page may come in through includes, parents and calls. A page with more has includes that multiply.
pub(crate) const MAX_INCLUDED_NODES: u32 = 400_000;

/// How many members of an expression are followed to find a field that is missing.
pub(crate) const MAX_PATH_MEMBERS: usize = 32;

/// How many exporters of one name are compared with each other. Of a name with more, that it has so many is the only mistake
/// worth reporting.
pub(crate) const MAX_EXPORTERS_PER_NAME: usize = 50;

/// How many steps all circles of fragments that wait for each other may have together, on one page. The first circle is always
/// told; a page with more of them is full of such circles, each with many tags.
pub(crate) const MAX_CIRCLE_STEPS: usize = 200_000;

/// How many bytes the lowered templates of any site may have, with the names that their parts take. Parts that wait for exports
/// repeat the statements that set the names which they use.
pub(crate) const MAX_LOWERED_BYTES: usize = 16 << 20;

/// How many more bytes of lowered templates there may be for each byte of the templates: offered elements and included files are
/// lowered several times.
pub(crate) const MAX_LOWERED_TIMES: usize = 64;

/// What a lowered template takes for each of its parts and for each name, beside their text, in bytes.
pub(crate) const LOWERED_BYTES_OF_PART: usize = 32;

/// How many holes may lie inside each other. Each is a call of its own in the compiler and in the runtime.
pub(crate) const MAX_HOLE_DEPTH: usize = 64;

// Rust types.

/// How deep Rust types are followed. Deeper ones are `any`.
pub(crate) const MAX_RUST_TYPE_DEPTH: u32 = 16;

/// How deep the Rust parser may call itself for one file, counted in tokens; see `fields::parser_depth`.
pub(crate) const MAX_RUST_TOKEN_DEPTH: usize = 4_000;

/// The stack on which Rust files are parsed, in bytes: enough for [`MAX_RUST_TOKEN_DEPTH`] in a program that is not optimized.
pub(crate) const RUST_PARSER_STACK_BYTES: usize = 128 << 20;

/// How deep modules and imports are followed. Functions that call themselves for each level must not exhaust the stack.
pub(crate) const MAX_MODULE_DEPTH: u32 = 32;

// Problems.

/// How many problems of one code are kept for one file. A file can have one in every few bytes.
pub(crate) const MAX_PROBLEMS_PER_CODE: usize = 500;

/// How many slips of the finger are looked for behind the errors of one file.
pub(crate) const MAX_SLIPS_PER_FILE: usize = 8;

/// How many bytes are checked once more, all trials together, to find the slip behind a file's errors. A trial of a file of 50 KB
/// takes about as long as its check.
pub(crate) const MAX_REPAIR_BYTES: usize = 4 << 20;

/// How many errors a slip makes at most, as a rule. A file with twice as many gets half as many bytes, and so on.
pub(crate) const FEW_ERRORS: usize = 20;

/// What each problem counts that a trial finds: telling it takes about as long as reading so many bytes. So texts without a right
/// line in them end the search soon.
pub(crate) const REPAIR_BYTES_OF_PROBLEM: usize = 1_000;

/// How many bytes are checked once more for all files of a site together: each broken file gets an equal share, so that a site of broken files takes no longer
/// than a few of them.
pub(crate) const MAX_REPAIR_BYTES_OF_SITE: usize = 32 << 20;

/// How many names of elements are looked for among a file's end tags.
pub(crate) const MAX_WANTED_NAMES: usize = 16;

/// The size of a file in which slips are looked for.
pub(crate) const MAX_REPAIRED_FILE_BYTES: usize = 256 << 10;

/// How many delimiters without an end are looked at in one file, and how many ways to mend it are tried.
pub(crate) const MAX_REPAIRS: usize = 64;

/// How many ends and openings that the indentation of a file lacks are tried.
pub(crate) const MAX_MISSING_LINES: usize = 16;

/// The longest print or statement that is compared with those of other engines: a help that shows more is not read.
pub(crate) const MAX_IDIOM_BYTES: usize = 1_000;

/// How far the other end of something is looked for that begins like a slip, or like another engine's delimiter.
pub(crate) const MAX_NEARBY_BYTES: usize = 2_000;

/// How far back the beginning of half a delimiter is looked for.
pub(crate) const MAX_HALF_BYTES: usize = 1_000;

/// How many problems one file is read for. A reader wants no more, and a file may consist of nothing else.
pub(crate) const MAX_PROBLEMS_PER_FILE: usize = 1_000;

/// How many problems of one code in one file are shown in the report for people. The others are counted.
pub(crate) const MAX_SHOWN_PER_CODE: usize = 50;

/// How many places of one problem are shown. The others are counted.
pub(crate) const MAX_SHOWN_LABELS: usize = 12;

/// The narrowest report, in columns. Nothing can be read in a narrower one.
pub(crate) const MIN_REPORT_COLUMNS: usize = 40;

/// The widest report, in columns. No terminal is wider, and what pads texts can't count beyond 65,535.
pub(crate) const MAX_REPORT_COLUMNS: usize = 1_000;

/// The longest line of a template that an error of a macro shows, in characters.
pub(crate) const MAX_QUOTED_LINE_CHARS: usize = 100;

/// The longest name that a message shows in full, in characters.
pub(crate) const MAX_SHOWN_NAME_CHARS: usize = 40;

// Suggestions.

/// The longest name that is compared with others. A typing mistake in a longer one is not what makes it unknown.
pub(crate) const MAX_SUGGESTED_NAME_BYTES: usize = 64;

/// For how many unknown names of a file or page the nearest name is looked up. More would take longer than people go on reading.
pub(crate) const MAX_SUGGESTIONS: usize = 100;

/// The same for all pages together, of which each has at least one.
pub(crate) const MAX_SUGGESTIONS_OF_SITE: usize = 1_000;

/// For how many exports of a page a free name is sought. More would take longer than people go on reading.
pub(crate) const MAX_ALIASES_PER_PAGE: usize = 100;

/// How many numbers are tried to make a free name. A page with more names of the kind gets one that is taken.
pub(crate) const MAX_ALIAS_NUMBER: u64 = 1_000;

/// The longest list that a help corrects. A longer one is not pasted.
pub(crate) const MAX_CORRECTED_LIST_BYTES: usize = 400;

/// The most items of a list that a help writes out. A longer one is not pasted.
pub(crate) const MAX_WRITTEN_ITEMS: usize = 12;

/// How many fields of a struct a help lists.
pub(crate) const MAX_LISTED_FIELDS: usize = 8;

/// How far before an address its tag is sought. A tag is seldom longer, and one text may have many addresses.
pub(crate) const MAX_BYTES_BEFORE_ADDRESS: usize = 500;

/// How many parameters of a Thymeleaf link the help shows: each one searches the link.
pub(crate) const MAX_LINK_PARAMETERS: usize = 8;
