//! Makes slips of the finger in a folder of templates, and compares the reports with those of the folder as it is.

use std::{collections::HashMap, path::Path};

use hydra_compile::{
    Input, Options, compile,
    problem::{Code, Problem, Severity},
    read::{self, InputPaths, Progress},
    source::Source,
};

/// The characters that are deleted and doubled; `-` where it trims only.
const SIGNS: &str = "{}%#\"'<>/=-";

/// What a slip does to a character.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Deleted,
    Doubled,
    /// It changes places with the next.
    Swapped,
}

/// What became of all slips in a folder.
#[derive(Default)]
pub(crate) struct Tally {
    /// Slips that are reported.
    pub(crate) told: usize,
    /// Those whose first report stands within a line.
    pub(crate) near: usize,
    /// The others.
    pub(crate) far: Vec<String>,
    /// Reports, all slips together.
    pub(crate) reports: usize,
    /// Delimiters that lost a character, without a report.
    pub(crate) unsaid: Vec<String>,
    /// Slips that Tera alone reports within a line, and this compiler does not.
    pub(crate) farther_than_tera: Vec<String>,
    /// Slips that only Tera reports.
    pub(crate) only_tera: Vec<String>,
    /// Slips with more than one report.
    pub(crate) many: Vec<String>,
    /// Reports whose help can be pasted, and does not mend the template.
    pub(crate) not_mended: Vec<String>,
}

/// A folder of fixtures with its contracts.
pub(crate) fn folder(name: &str) -> Input {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures")
        .join(name);
    let contracts = templates.join("../contracts");
    let places = InputPaths {
        templates: vec![templates],
        contracts: contracts.is_dir().then_some(contracts),
        rust: None,
    };
    read::read(&places, Options::default(), &Progress::default()).expect("a folder that can be read")
}

/// One slip, as it stands in the input.
struct Slip {
    file: usize,
    /// Its line in the text as it was.
    line: u32,
    /// What it is, for people.
    shown: String,
    /// Whether a delimiter of Tera's lost a character.
    is_mark: bool,
    /// Whether the line is missing: what stands behind it has moved up.
    is_missing: bool,
}

impl Slip {
    /// A line of the text with the slip, in terms of the text as it was.
    fn moved_back(&self, line: u32) -> u32 {
        line + u32::from(self.is_missing && line >= self.line)
    }
}

/// The reports of a folder as it is: each with how often it comes.
fn as_it_is(input: &Input) -> HashMap<Key, usize> {
    let clean = compile(input).problems;
    assert!(!clean.iter().any(is_error), "{clean:?}");
    counted(input, &clean)
}

/// The templates that are files of the folder: Hydra provides others.
fn written_here(input: &Input) -> Vec<usize> {
    let files = 0..input.templates;
    files.filter(|file| input.sources[*file].path.exists()).collect()
}

/// Makes all slips of these kinds in a folder that has no errors.
pub(crate) fn slips(mut input: Input, kinds: &[Kind]) -> Tally {
    let known = as_it_is(&input);
    let mut tally = Tally::default();
    for file in written_here(&input) {
        let text = input.sources[file].text.clone();
        let marks = delimiters(&text);
        for (at, sign) in text
            .char_indices()
            .filter(|(at, sign)| is_sign(&text, *at, *sign))
        {
            for kind in kinds {
                let Some(with) = written(&text, at, sign, *kind) else {
                    continue;
                };
                replace(&mut input.sources[file], with);
                let source = &input.sources[file];
                let line = source.line_column(at as u32).line;
                let shown = source.text.lines().nth(line as usize - 1).unwrap_or_default();
                let slip = Slip {
                    file,
                    line,
                    shown: format!("{}:{line} {sign} in {shown:?}", source.name),
                    is_mark: *kind == Kind::Deleted && marks.contains(&at),
                    is_missing: false,
                };
                count(&input, &known, &slip, &mut tally);
            }
        }
        replace(&mut input.sources[file], text);
    }
    tally
}

/// Takes out each line that has something, one at a time.
pub(crate) fn missing_lines(mut input: Input) -> Tally {
    let known = as_it_is(&input);
    let mut tally = Tally::default();
    for file in written_here(&input) {
        let text = input.sources[file].text.clone();
        let mut at = 0;
        for (index, missing) in text.split_inclusive('\n').enumerate() {
            let rest = at + missing.len();
            let with = format!("{}{}", &text[..at], &text[rest..]);
            at = rest;
            if missing.trim().is_empty() {
                continue;
            }
            replace(&mut input.sources[file], with);
            let line = index as u32 + 1;
            let slip = Slip {
                file,
                line,
                shown: format!("{}:{line} without {:?}", input.sources[file].name, missing.trim()),
                is_mark: false,
                is_missing: true,
            };
            count(&input, &known, &slip, &mut tally);
        }
        replace(&mut input.sources[file], text);
    }
    tally
}

fn is_sign(text: &str, at: usize, sign: char) -> bool {
    let trims = || {
        let before = text[..at].ends_with("{%") || text[..at].ends_with("{{") || text[..at].ends_with("{#");
        before
            || ["-%}", "-}}", "-#}"]
                .iter()
                .any(|end| text[at..].starts_with(end))
    };
    SIGNS.contains(sign) && (sign != '-' || trims())
}

fn replace(source: &mut Source, text: String) {
    *source = Source::new(source.name.clone(), source.path.clone(), text);
}

fn written(text: &str, at: usize, sign: char, kind: Kind) -> Option<String> {
    let (before, rest) = (&text[..at], &text[at + 1..]);
    Some(match kind {
        Kind::Deleted => format!("{before}{rest}"),
        Kind::Doubled => format!("{before}{sign}{sign}{rest}"),
        Kind::Swapped => {
            let next = rest.chars().next().filter(|next| *next != sign)?;
            format!("{before}{next}{sign}{}", &rest[next.len_utf8()..])
        }
    })
}

fn is_error(problem: &Problem) -> bool {
    problem.code.severity() == Severity::Error
}

type Key = (u32, u32, &'static str, String);

fn key(input: &Input, problem: &Problem) -> Key {
    let place = problem.labels[0].location;
    let line = input.sources[place.source.0 as usize]
        .line_column(place.span.start)
        .line;
    (place.source.0, line, problem.code.name(), problem.message.clone())
}

fn counted(input: &Input, problems: &[Problem]) -> HashMap<Key, usize> {
    let mut counts = HashMap::new();
    for problem in problems {
        *counts.entry(key(input, problem)).or_default() += 1;
    }
    counts
}

fn count(input: &Input, known: &HashMap<Key, usize>, slip: &Slip, tally: &mut Tally) {
    let mut left = known.clone();
    let problems = compile(input).problems;
    let moved = |problem: &Problem| {
        let (file, line, code, message) = key(input, problem);
        let line = if file as usize == slip.file {
            slip.moved_back(line)
        } else {
            line
        };
        (file, line, code, message)
    };
    let new: Vec<&Problem> = problems
        .iter()
        .filter(|problem| match left.get_mut(&moved(problem)) {
            Some(count @ 1..) => {
                *count -= 1;
                false
            }
            _ => true,
        })
        .collect();
    let tera = line_by_tera(&input.sources[slip.file].text).map(|line| slip.moved_back(line));
    let is_near = |other: u32| other.abs_diff(slip.line) <= 1;
    let Some(first) = new.iter().find(|problem| is_error(problem)).or(new.first()) else {
        if slip.is_mark {
            tally.unsaid.push(slip.shown.clone());
        }
        if tera.is_some() {
            tally.only_tera.push(slip.shown.clone());
        }
        return;
    };
    tally.told += 1;
    tally.reports += new.len();
    let (in_file, at_line, ..) = moved(first);
    if new.len() > 1 {
        let messages: Vec<&str> = new.iter().map(|problem| problem.message.as_str()).collect();
        tally.many.push(format!("{} => {messages:?}", slip.shown));
    }
    if let [problem] = new.as_slice() {
        let unmended = unmended(input, problem).map(|help| format!("{}: {help}", slip.shown));
        tally.not_mended.extend(unmended);
    }
    if in_file as usize == slip.file && is_near(at_line) {
        tally.near += 1;
        return;
    }
    tally.far.push(format!(
        "{} => {}:{at_line} {}",
        slip.shown, input.sources[in_file as usize].name, first.message
    ));
    if tera.is_some_and(is_near) {
        tally.farther_than_tera.push(slip.shown.clone());
    }
}

/// The help of a problem, if it can be pasted in place of what is marked, and errors are left then.
fn unmended(input: &Input, problem: &Problem) -> Option<String> {
    let of_slips = [
        Code::TemplateSyntax,
        Code::UnclosedTag,
        Code::StrayCloseTag,
        Code::UnclosedQuote,
        Code::UnmatchedEndTag,
        Code::HalfDelimiter,
        Code::OtherEngine,
    ];
    let help = problem
        .help
        .as_deref()
        .filter(|_| of_slips.contains(&problem.code))?;
    let text = |rest: &str| rest.split('`').next().map(str::to_owned);
    let marked = || {
        let place = problem.labels.first()?.location;
        input.sources[place.source.0 as usize]
            .text
            .get(place.span.range())
    };
    let with = if let Some(rest) = help.strip_prefix("write `") {
        text(rest)?
    } else if let Some(rest) = help.strip_prefix("add `") {
        let (added, marked) = (text(rest)?, marked()?);
        match help.ends_with("behind this line") {
            true => format!("{marked}\n{added}"),
            false => format!("{added}\n{marked}"),
        }
    } else {
        help.starts_with("remove it").then(String::new)?
    };
    let place = problem.labels.first()?.location;
    let mut mended = Input {
        options: input.options.clone(),
        contracts: input.contracts.clone(),
        contracts_given: input.contracts_given,
        templates: input.templates,
        ..Input::default()
    };
    let copy = |source: &Source| Source::new(source.name.clone(), source.path.clone(), source.text.clone());
    mended.sources = input.sources.iter().map(copy).collect();
    let source = &mut mended.sources[place.source.0 as usize];
    let range = place.span.range();
    let text = format!(
        "{}{with}{}",
        &source.text[..range.start],
        &source.text[range.end..]
    );
    replace(source, text);
    compile(&mended)
        .problems
        .iter()
        .any(is_error)
        .then(|| help.to_owned())
}

/// The line of the first error that Tera alone reports.
fn line_by_tera(text: &str) -> Option<u32> {
    let error = tera::Tera::default().add_raw_template("a.html", text).err()?;
    match error.kind() {
        tera::ErrorKind::SyntaxError(report) => {
            let at = report.span().range.start.min(text.len());
            Some(
                text.as_bytes()[..at]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count() as u32
                    + 1,
            )
        }
        _ => None,
    }
}

/// The characters of Tera's delimiters, of texts in which none stands in a string, a script or a comment of HTML.
fn delimiters(text: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("{").map(|found| at + found) {
        at = start + 1;
        let end = match text.get(start..start + 2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            Some("{#") => "#}",
            _ => continue,
        };
        let Some(close) = text[start..].find(end).map(|found| start + found) else {
            break;
        };
        let before = text[..start].rfind('<').map_or("", |tag| &text[tag..]);
        if !before.starts_with("<script") {
            places.extend([start, start + 1, close, close + 1]);
        }
        at = close + 2;
        if text[start..at].contains("{% raw") {
            at = text[at..]
                .find("{% endraw")
                .map_or(text.len(), |found| at + found);
        }
    }
    places
}
