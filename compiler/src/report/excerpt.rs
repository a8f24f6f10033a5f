//! The lines that a problem is about, copied out of their files, cut to a width and made safe to print.

use std::{collections::BTreeMap, ops::Range};

use super::long_lines::{kept_ranges, printable, push_printable};
use crate::{
    problem::Label,
    source::{LineColumn, Source, SourceId},
};

/// What a report draws beside the text: line number, bars.
const GUTTER: usize = 8;
/// Lines of some files, one after the other.
#[derive(Debug, Default)]
pub(super) struct Excerpt {
    /// The lines, each with a line feed.
    pub(super) text: String,
    /// Lines that follow each other in one file.
    pub(super) groups: Vec<Group>,
    /// The labels, in the order of the problem.
    pub(super) marks: Vec<Mark>,
}

/// Lines that follow each other in one file: `text[start..end]` of the excerpt.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) file: String,
    pub(super) first_line: u32,
    pub(super) lines: usize,
}

/// A label: `start..end` in the excerpt, `place` in its file.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) place: LineColumn,
    pub(super) text: String,
}

/// A line that is shown, and the labels on it: their index and their bytes in the line.
struct Line {
    range: Range<usize>,
    labels: Vec<(usize, Range<usize>)>,
}

impl Excerpt {
    /// The group that holds a byte of the excerpt.
    pub(super) fn group_at(&self, offset: usize) -> Option<&Group> {
        self.groups
            .iter()
            .find(|group| group.start <= offset && offset < group.end)
    }
}

/// The lines of all `labels`, with one line before and after each. Files come in the order in which the labels
/// first name them. A label over several lines marks what it has of its first.
pub(super) fn excerpt(labels: &[Label], sources: &[Source], width: usize, ellipsis: &str) -> Excerpt {
    let room = width.saturating_sub(GUTTER);
    let mut files: Vec<(SourceId, BTreeMap<u32, Line>)> = Vec::new();
    let mut excerpt = Excerpt::default();
    for label in labels {
        let Some(source) = sources.get(label.location.source.0 as usize) else {
            continue;
        };
        let known = files.iter().position(|(id, _)| *id == label.location.source);
        let file = known.unwrap_or_else(|| {
            files.push((label.location.source, BTreeMap::new()));
            files.len() - 1
        });
        let lines = &mut files[file].1;
        let place = take_lines(lines, source, label, excerpt.marks.len());
        excerpt.marks.push(Mark {
            start: 0,
            end: 0,
            place,
            text: printable(&label.text),
        });
    }
    for (id, lines) in files {
        excerpt.push_file(&sources[id.0 as usize], lines, room, ellipsis);
    }
    excerpt
}

/// Notes the line of a label and its neighbours.
fn take_lines(lines: &mut BTreeMap<u32, Line>, source: &Source, label: &Label, index: usize) -> LineColumn {
    let text = &source.text;
    let start = floor(text, label.location.span.start as usize);
    let place = source.line_column(start as u32);
    let line = line_around(text, start);
    // A place in the end of a line is shown where its text ends.
    let first = start.min(line.end);
    let last = floor(text, label.location.span.end as usize).clamp(first, line.end);
    let mark = first - line.start..last - line.start;
    if let Some(before) = line.start.checked_sub(1) {
        add_line(lines, place.line - 1, line_around(text, before));
    }
    if line_end_feed(text, line.end) + 1 < text.len() {
        add_line(
            lines,
            place.line + 1,
            line_around(text, line_end_feed(text, line.end) + 1),
        );
    }
    add_line(lines, place.line, line).labels.push((index, mark));
    place
}

fn add_line(lines: &mut BTreeMap<u32, Line>, number: u32, range: Range<usize>) -> &mut Line {
    lines.entry(number).or_insert(Line {
        range,
        labels: Vec::new(),
    })
}

/// The line that holds the byte at `offset`, without its end. A line feed belongs to the line that it ends.
fn line_around(text: &str, offset: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let start = memchr::memrchr(b'\n', &bytes[..offset]).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'\n', &bytes[offset..]).map_or(bytes.len(), |at| offset + at);
    let end = if end > start && bytes[end - 1] == b'\r' {
        end - 1
    } else {
        end
    };
    start..end
}

/// Where the line feed of a line is, given the end of its text.
fn line_end_feed(text: &str, end: usize) -> usize {
    if text.as_bytes().get(end) == Some(&b'\r') {
        end + 1
    } else {
        end
    }
}

/// The start of the character that holds a byte, and the end for all beyond it.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

impl Excerpt {
    /// Adds the lines of a file, those that follow each other together. The first label's come first: its place is the problem's.
    fn push_file(&mut self, source: &Source, lines: BTreeMap<u32, Line>, room: usize, ellipsis: &str) {
        let mut groups: Vec<Vec<(u32, Line)>> = Vec::new();
        for (number, line) in lines {
            match groups.last_mut() {
                Some(group) if group.last().is_some_and(|(last, _)| last + 1 == number) => {
                    group.push((number, line));
                }
                _ => groups.push(vec![(number, line)]),
            }
        }
        let has_first = |group: &Vec<(u32, Line)>| {
            let mut labels = group.iter().flat_map(|(_, line)| &line.labels);
            labels.any(|(index, _)| *index == 0)
        };
        groups.sort_by_key(|group| !has_first(group));
        for group in groups {
            let (start, first_line, lines) = (self.text.len(), group[0].0, group.len());
            for (_, line) in group {
                let text = source.text.get(line.range).unwrap_or_default();
                self.push_line(text, &line.labels, room, ellipsis);
            }
            self.groups.push(Group {
                start,
                end: self.text.len(),
                file: super::file_name(source),
                first_line,
                lines,
            });
        }
    }

    fn push_line(&mut self, line: &str, labels: &[(usize, Range<usize>)], room: usize, ellipsis: &str) {
        let mut written = 0;
        for kept in kept_ranges(line, labels, room) {
            if kept.start > written {
                self.text.push_str(ellipsis);
            }
            written = kept.end;
            for (offset, character) in line[kept.clone()].char_indices() {
                self.set_marks(labels, kept.start + offset);
                push_printable(&mut self.text, character);
            }
            self.set_marks(labels, kept.end);
        }
        if written < line.len() {
            self.text.push_str(ellipsis);
        }
        self.text.push('\n');
    }

    /// Says of every label that starts or ends at byte `at` of the line that this is here in the excerpt.
    fn set_marks(&mut self, labels: &[(usize, Range<usize>)], at: usize) {
        for (index, range) in labels {
            let Some(mark) = self.marks.get_mut(*index) else {
                continue;
            };
            if range.start == at {
                mark.start = self.text.len();
            }
            if range.end == at {
                mark.end = self.text.len();
            }
        }
    }
}
