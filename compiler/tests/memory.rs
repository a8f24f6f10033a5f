//! How much memory a check takes for files that were made to take much. Sizes are counted, no times: a file that takes a
//! thousand times its size stops a build long before it is slow.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use tera::{Kwargs, State, Tera, Value};

/// The size of each file: large enough that what the program takes by itself does not count.
const SIZE: usize = 300_000;

/// What a check may take beyond Tera's own parse, in sizes of the file.
const MOST: usize = 30;

/// Two runs may differ by so many bytes, whatever the size of the file: the heap of a thread grows in steps.
const TOLERANCE: usize = 1 << 20;
/// So many runs may be tried: on a busy machine the heaps of two threads grow in another order, and one run takes some more.
const RUNS: usize = 3;

/// Names the file that [`tera_takes_memory_for_a_file`] reads.
const FILE: &str = "HYDRA_TEMPLATE";

/// A shape of files: `one` is repeated, with a number for each `#` in it.
struct Shape {
    start: &'static str,
    one: &'static str,
    end: &'static str,
    /// The size of the file.
    size: usize,
    /// Whether Tera is asked about it. What Tera alone takes is measured then. Of names that Tera does not know it writes the line,
    /// gigabytes: a check does not ask it where there are many.
    asks_tera: bool,
}

const fn repeated(one: &'static str) -> Shape {
    inside("", one, "")
}

const fn inside(start: &'static str, one: &'static str, end: &'static str) -> Shape {
    Shape {
        start,
        one,
        end,
        size: SIZE,
        asks_tera: true,
    }
}

const fn without_tera(start: &'static str, one: &'static str) -> Shape {
    Shape {
        asks_tera: false,
        ..inside(start, one, "")
    }
}

/// A smaller file: of some things only so many are kept that a larger one takes less for its size.
const fn smaller(one: &'static str, size: usize) -> Shape {
    Shape {
        size,
        ..without_tera("", one)
    }
}

impl Shape {
    fn text(&self) -> String {
        let mut text = String::with_capacity(self.size + 100);
        text.push_str(self.start);
        let mut number = 0;
        while text.len() < self.size {
            text.push_str(&self.one.replace('#', &number.to_string()));
            number += 1;
        }
        text.push_str(self.end);
        text
    }
}

const SHAPES: &[Shape] = &[
    repeated("a"),
    repeated("<p>a</p>\n"),
    repeated("<b m:ref=a></b>"),
    repeated("<b m:ref=a#></b>"),
    repeated("<m:fragment/>"),
    repeated("<m:fragment ref=a />"),
    repeated("<m:fragment ref=a exports=b />"),
    repeated("<m:fragment ref=a# exports=b# />"),
    repeated("<m:fragment ref=a imports=b />"),
    repeated("<m:fragment ref=a# imports=b# />"),
    repeated("<m:fragment ref=a service=b></m:fragment>"),
    inside("<m:fragment ", "a ", "/>"),
    inside("<m:fragment ", "a# ", "/>"),
    inside("<m:fragment ref=a imports='", "a,", "a'/>"),
    inside("<m:fragment ref=a imports='", "a#,", "a'/>"),
    inside("<m:fragment ref=a imports='", ",", "a'/>"),
    inside("<m:fragment ref=a imports='", "a;", "a'/>"),
    inside("<m:fragment ref=a exports='", "a#,", "a'/>"),
    inside("<p m:ref=a m:imports='", "a,", "a'></p>"),
    inside("<p m:ref=a m:imports='", "a#,", "a'></p>"),
    inside("<p m:attributes='", "a#: b,", "a'></p>"),
    repeated("<m:fragment service=“a” ref=“b” />"),
    repeated("<m:"),
    repeated("</m:x>"),
    repeated("<m:a>"),
    inside("<html xmlns:x='getmedusa.io'>", "<x:fragment ", ""),
    smaller("<b m:ref=a#></b>", 165_000),
    smaller("<b m:ref=a#></b>", 80_000),
    smaller("<m:fragment ref=a#/>", 200_000),
    repeated("<m:fragment ref=a imports='loop,in'/>"),
    repeated("<m:fragment ref=a exports='loop'/>"),
    repeated("<m:fragment mode=lazy><m:fragment required/></m:fragment>"),
    repeated("<title><m:fragment></title>"),
    repeated("{%for a in b%}<m:fragment ref=a exports=b />{%endfor%}"),
    repeated("{%filter upper%}<m:fragment ref=a />{%endfilter%}"),
    without_tera("", "{% include 'a' %}"),
    without_tera("", "{% include '#' %}"),
    without_tera("{% extends 'a' %}", "{%block a#%}{%endblock%}"),
    repeated("{%block a#%}{%endblock%}"),
    without_tera("", "{{a|b}}"),
    without_tera("", "{{a|b#}}"),
    without_tera("", "{{b()}}"),
    without_tera("", "{{b#()}}"),
    without_tera("", "{{a}}"),
    without_tera("", "{{a#}}"),
    inside("{{[", "a,", "a]}}"),
    inside("{{[", "a#,", "a]}}"),
    without_tera("", "{{<a/>}}"),
    without_tera("", "{{<a#/>}}"),
    without_tera("", "{%<a>%}{%</a>%}"),
    repeated("{{super()}}"),
    repeated("{%set a=1%}"),
    repeated("{%set a#=1%}"),
    repeated("{%set a%}{%endset%}"),
    repeated("{%filter upper%}{%endfilter%}"),
    repeated("{%filter b%}{%endfilter%}"),
    repeated("{%for a in b%}{%endfor%}"),
    repeated("{%if a%}{%endif%}"),
    // Tera would call itself too deep.
    without_tera("{%if a%}", "{%elif a%}"),
    repeated("{%if a is b%}{%endif%}"),
    repeated("{%component a#()%}{%endcomponent%}"),
    repeated("{%a%}"),
    repeated("{%"),
    repeated("{{"),
    repeated("{##}"),
    repeated("{%raw%}{%endraw%}"),
    repeated("<svg>"),
    repeated("<a href=b>"),
    repeated("<link href=/_s/b/c rel=stylesheet>"),
];

/// The peak of a process's memory so far, in bytes.
fn peak(process: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.parse::<usize>().ok())
        .expect("a size")
        * 1024
}

/// The first line of what a child says for which `is_it` holds.
fn line(child: &mut Child, is_it: impl Fn(&str) -> bool) -> String {
    let out = child.stdout.take().expect("a pipe");
    let lines = BufReader::new(out).lines().map_while(Result::ok);
    lines
        .into_iter()
        .find(|line| is_it(line))
        .expect("the child says it")
}

/// What a check takes for the templates of a folder: it watches them, so that it can be looked at when it is done.
fn checked(folder: &Path) -> usize {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hydra-compile"))
        .args(["check", "--watch", "--format", "json", "."])
        .current_dir(folder)
        .env_clear()
        // Each thread has a heap of its own.
        .env("RAYON_NUM_THREADS", "2")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    line(&mut child, |line| line.ends_with("\"templates\":1}"));
    let peak = peak(&child.id().to_string());
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    peak
}

/// The least that some runs take: no more of them than it takes for one to stay within `most`.
fn least(runs: usize, most: usize, mut run: impl FnMut() -> usize) -> usize {
    let mut least = run();
    for _ in 1..runs {
        if least <= most {
            break;
        }
        least = least.min(run());
    }
    least
}

/// What Tera alone takes for a file.
fn parsed(file: &Path) -> usize {
    let mut child = Command::new(env::current_exe().expect("a program"))
        .args(["--exact", "tera_takes_memory_for_a_file", "--nocapture"])
        .env_clear()
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let said = line(&mut child, |line| line.starts_with(FILE));
    child.wait().expect("it ends");
    let number = said
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    number.expect("a size")
}

/// Reads one file with Tera, which gets stand-ins for what the shapes refer to: without, it writes the line of each.
#[test]
fn tera_takes_memory_for_a_file() {
    let file = env::var_os(FILE);
    let text = file.map_or_else(
        || "{{ a }}".to_owned(),
        |file| fs::read_to_string(file).expect("a file"),
    );
    let mut tera = Tera::default();
    let numbered = (0..SIZE / "{{b0()}}".len()).map(|number| format!("b{number}"));
    for name in ["b", "super"].map(str::to_owned).into_iter().chain(numbered) {
        tera.register_function(name.clone(), |_: Kwargs, _: &State| Value::none());
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| value);
    }
    tera.register_test("b", |_: Value, _: Kwargs, _: &State| true);
    let files = [
        ("a", ""),
        ("parts", "{% component a(...rest) %}{% endcomponent %}"),
        ("page.html", &text),
    ];
    let before = peak("self");
    let read = tera.add_raw_templates(files);
    println!("\n{FILE} {} {}", peak("self") - before, read.is_ok());
    assert!(text.len() > 10 || read.is_ok());
}

#[test]
fn no_file_takes_much_more_memory_than_its_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    fs::write(&file, "<p>a</p>").expect("a file");
    let nothing = checked(folder.path());
    let mut failed = Vec::new();
    for shape in SHAPES {
        let text = shape.text();
        fs::write(&file, &text).expect("a file");
        let times = |bytes: usize| bytes / text.len();
        let tera = match shape.asks_tera {
            true => times(parsed(&file)),
            false => 0,
        };
        let most = (tera + MOST) * text.len() + TOLERANCE;
        let taken = least(RUNS, most, || checked(folder.path()).saturating_sub(nothing));
        let row = format!(
            "{}{}: {} times its size, Tera alone {}",
            shape.start,
            shape.one,
            times(taken),
            tera
        );
        println!("{row}");
        if taken > most {
            failed.push(row);
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
