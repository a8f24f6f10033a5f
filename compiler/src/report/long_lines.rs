//! Cuts long lines, and replaces characters that can't be printed.

use std::ops::Range;

/// How many characters around a mark are shown of a line that is too long: the most that fit.
const AROUND: [usize; 9] = [64, 48, 40, 32, 24, 20, 16, 12, 8];

/// Which parts of a line are shown: all of it, or what stands around the ends of its labels.
pub(super) fn kept_ranges(line: &str, labels: &[(usize, Range<usize>)], room: usize) -> Vec<Range<usize>> {
    if line.chars().nth(room).is_none() {
        return std::iter::once(0..line.len()).collect();
    }
    if labels.is_empty() {
        return std::iter::once(0..forward(line, 0, room)).collect();
    }
    let mut tries = AROUND.iter().map(|around| windows(line, labels, *around));
    let fits = |ranges: &Vec<Range<usize>>| {
        ranges
            .iter()
            .map(|range| line[range.clone()].chars().count())
            .sum::<usize>()
            <= room
    };
    tries
        .clone()
        .find(fits)
        .or_else(|| tries.next_back())
        .unwrap_or_default()
}

/// The characters around the start and the end of every label, where they overlap as one.
fn windows(line: &str, labels: &[(usize, Range<usize>)], around: usize) -> Vec<Range<usize>> {
    let mut ends: Vec<usize> = labels
        .iter()
        .flat_map(|(_, range)| [range.start, range.end])
        .collect();
    ends.sort_unstable();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for end in ends {
        let range = back(line, end, around)..forward(line, end, around);
        match ranges.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => ranges.push(range),
        }
    }
    ranges
}

fn back(line: &str, from: usize, characters: usize) -> usize {
    line[..from]
        .char_indices()
        .rev()
        .nth(characters - 1)
        .map_or(0, |(at, _)| at)
}

fn forward(line: &str, from: usize, characters: usize) -> usize {
    line[from..]
        .char_indices()
        .nth(characters)
        .map_or(line.len(), |(at, _)| from + at)
}

/// A text without anything that a terminal would obey instead of print.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push('\n'),
            _ => push_printable(&mut out, character),
        }
    }
    out
}

/// Adds a character, or what stands for it where a terminal would obey it.
pub(super) fn push_printable(out: &mut String, character: char) {
    match character {
        '\t' => out.push('\t'),
        '\u{feff}' => {}
        // Marks that turn the direction of the text around could show another template than the one that is there.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
        _ if character.is_control() => out.push('\u{fffd}'),
        _ => out.push(character),
    }
}
