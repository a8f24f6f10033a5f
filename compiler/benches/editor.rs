//! The language server on large sites: how long until it is ready, and how long an edit and a question take. The times are those of
//! the server's middle, from the message to the answer, without the pipe to the editor.
//!
//! `cargo bench -p hydra-compile --features cli --bench editor` measures 1,000 templates; `-- 10000` measures as many as it says.

use std::{
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use hydra_compile::editor::{Change, Encoding, Position, Workspace, disk::Roots};

/// How often an edit and a question are measured. Every second edit mends what the one before it broke.
const ROUNDS: usize = 20;

fn main() {
    let counts: Vec<usize> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    for count in if counts.is_empty() { vec![1_000] } else { counts } {
        measure(count);
    }
}

fn measure(count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = write_site(folder.path(), count);
    println!(
        "{count} templates, {} KB, one contract, 50 page types in Rust:",
        bytes / 1_000
    );

    let roots = Roots {
        folders: vec![folder.path().to_owned()],
        templates: Vec::new(),
    };
    let mut workspace = Workspace::new(Encoding::Utf16);
    let started = Instant::now();
    let unread = roots.load(&mut workspace);
    let read = started.elapsed();
    let told = workspace.check();
    println!(
        "  ready after {:?}: files found and read in {read:?}, then checked",
        started.elapsed()
    );
    assert!(unread.is_empty() && told.is_empty(), "{unread:?} {told:?}");

    let page = folder.path().join("templates/page7.html");
    let text = fs::read_to_string(&page).expect("a page");
    let layout = folder.path().join("templates/layout.html");
    let layout_text = fs::read_to_string(&layout).expect("a layout");
    workspace.open(page.clone(), 0, text.clone());
    workspace.open(layout.clone(), 0, layout_text.clone());
    workspace.check();
    let mut version = 0;
    let mut edit = |workspace: &mut Workspace, path: &Path, text: String, told: usize| {
        version += 1;
        workspace.change(path, version, vec![Change { range: None, text }]);
        assert_eq!(workspace.check().len(), told, "files with other problems");
    };
    times("an edit of a page that brings a problem, or mends it", |round| {
        let name = if round % 2 == 0 { "checkuot" } else { "checkout" };
        edit(
            &mut workspace,
            &page,
            text.replacen("\"checkout\"", &format!("\"{name}\""), 1),
            1,
        );
    });
    times("an edit of the layout of all pages", |round| {
        edit(
            &mut workspace,
            &layout,
            format!("{layout_text}<!-- {round} -->"),
            0,
        );
    });
    let at = text.find("{{ total").expect("a print");
    let line = text[..at].matches('\n').count() as u32;
    let character = text[..at].rsplit('\n').next().unwrap_or_default().len() as u32 + 5;
    let position = Position { line, character };
    times("completion", |_| {
        assert!(black_box(workspace.completions(&page, position)).len() > 1);
    });
    times("hover", |_| {
        assert!(black_box(workspace.hover(&page, position)).is_some())
    });
    times("definition", |_| {
        assert!(!black_box(workspace.definition(&page, position)).is_empty())
    });
    let character = text
        .lines()
        .nth(3)
        .and_then(|line| line.find("checkout"))
        .expect("a tag") as u32;
    let tag = Position { line: 3, character };
    times("references of a fragment that all pages show", |_| {
        assert!(black_box(workspace.references(&page, tag, true)).len() >= count);
    });
}

/// Prints the median and the longest time of a step.
fn times(name: &str, mut step: impl FnMut(usize)) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|round| {
            let started = Instant::now();
            step(round);
            started.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "  {name}: median {:?}, longest {:?}",
        times[ROUNDS / 2],
        times[ROUNDS - 1]
    );
}

/// Writes a crate with so many pages of 3 KB. The result is how large the templates are.
fn write_site(folder: &Path, count: usize) -> usize {
    for name in ["templates", "contracts", "src"] {
        fs::create_dir_all(folder.join(name)).expect("a folder");
    }
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
    write(
        "build.rs",
        "fn main() { hydra_compile::Build::new(\"templates\").contracts(\"contracts\").run_or_exit(); }",
    );
    write(
        "contracts/orders.json",
        r#"{"service": "orders", "fragments": {"checkout": {"imports": {"dob": {"type": "date"}}, "exports": {"address": "string"}}}}"#,
    );
    let types = (0..50).map(|page| {
        format!("#[derive(Page, Serialize)]\n#[page(template = \"page{page}.html\")]\npub struct Page{page} {{ dob: Date, total: u32, lines: Vec<String>, title: String }}\n")
    });
    write("src/main.rs", &types.collect::<String>());
    write(
        "templates/layout.html",
        "<html><body>{% block main %}{% endblock %}{% include \"footer.html\" %}</body></html>\n",
    );
    write("templates/footer.html", "<footer>{{ title }}</footer>\n");
    let line = "<li class=\"line\"><a href=\"/tea/{{ line }}\"><b>{{ line }}</b></a> <span>A tea with a name and a price</span></li>\n";
    let page = format!(
        "{{% extends \"layout.html\" %}}\n{{% block main %}}\n<h1>{{{{ title }}}}</h1>\n<m:fragment service=\"orders\" ref=\"checkout\" imports=\"dob\" exports=\"address\"><p>No orders</p></m:fragment>\n<p>{{{{ address }}}} {{{{ total }}}}</p>\n{{% for line in lines %}}\n{}{{% endfor %}}\n{{% endblock %}}\n",
        line.repeat(25)
    );
    for index in 0..count {
        write(&format!("templates/page{index}.html"), &page);
    }
    count * page.len()
}
