//! Which sites are found on a disk, and what happens when it changes.

use std::fs;

use super::*;
use crate::editor::disk::{DiskChange, Roots};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    fs::write(path, text).expect("a file");
}

/// The sites of these files: templates, contracts and Rust files, with `-` where there are none.
fn sites(files: &[(&str, &str)], named: &[&str]) -> Vec<String> {
    let folder = folder(files);
    let root = folder.path().to_owned();
    let roots = Roots {
        folders: vec![root.clone()],
        templates: named.iter().map(PathBuf::from).collect(),
    };
    let shown = |path: Option<&PathBuf>| match path {
        Some(path) => path
            .strip_prefix(&root)
            .expect("in the folder")
            .display()
            .to_string(),
        None => "-".to_owned(),
    };
    let sites = roots.sites();
    let sites = sites.iter().map(|site| {
        let parts = [Some(&site.templates), site.contracts.as_ref(), site.rust.as_ref()];
        parts.map(shown).join(" ")
    });
    sites.collect()
}

#[test]
fn sites_are_found_by_build_scripts_and_by_folders_of_that_name() {
    const BUILD: &str =
        "fn main() { hydra_compile::Build::new(\"templates\").contracts(\"contracts\").run_or_exit(); }";
    const ABOVE: &str =
        "fn main() { hydra_compile::Build::new(\"../pages\").contracts(\"../contracts\").run_or_exit(); }";
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str], &'c [&'c str]);
    let table: [Case<'_>; 11] = [
        (&[], &[], &[]),
        (
            &[
                ("a/build.rs", BUILD),
                ("a/templates/x.html", ""),
                ("a/src/main.rs", ""),
            ],
            &[],
            &["a/templates a/contracts a/src"],
        ),
        // Beside the crate.
        (
            &[
                ("app/build.rs", ABOVE),
                ("pages/x.html", ""),
                ("contracts/o.json", ""),
            ],
            &[],
            &["pages contracts -"],
        ),
        // A build script whose folder is missing, and one of another library.
        (
            &[
                ("a/build.rs", BUILD),
                ("b/build.rs", "fn main() { cc::Build::new(); }"),
            ],
            &[],
            &[],
        ),
        // Folders named `templates`: with Hydra's tags, settings or contracts; those of other frameworks are left alone.
        (
            &[("a/templates/x.html", "<m:fragment ref='a'/>")],
            &[],
            &["a/templates - -"],
        ),
        (
            &[
                ("a/templates/x.html", ""),
                ("a/hydra.toml", ""),
                ("a/src/x.rs", ""),
            ],
            &[],
            &["a/templates - -"],
        ),
        (
            &[("a/templates/x.html", ""), ("a/contracts/o.json", "{}")],
            &[],
            &["a/templates a/contracts -"],
        ),
        (&[("django/templates/x.html", "{% csrf_token %}")], &[], &[]),
        // Several, and none where tools keep theirs.
        (
            &[
                ("a/templates/x.html", "<p m:ref='x'>"),
                ("b/c/templates/x.html", "<p m:ref='x'>"),
                ("target/templates/x.html", "<p m:ref='x'>"),
                ("node_modules/d/templates/x.html", "<p m:ref='x'>"),
                (".git/templates/x.html", "<p m:ref='x'>"),
            ],
            &[],
            &["a/templates - -", "b/c/templates - -"],
        ),
        // The settings of the editor replace the search.
        (
            &[("site/x.html", ""), ("a/templates/x.html", "<p m:ref='x'>")],
            &["site", "missing"],
            &["site - -"],
        ),
        (&[("site/x.html", "")], &["./site/../site"], &["site - -"]),
    ];
    for (files, named, expected) in table {
        assert_eq!(sites(files, named), expected, "{files:?}");
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_a_circle_and_missing_folders_end_the_search() {
    let folder = folder(&[("a/templates/x.html", "<p m:ref='x'>")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/again")).expect("a link");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/templates/again")).expect("a link");
    let folders = vec![
        folder.path().to_owned(),
        folder.path().join("missing"),
        PathBuf::from("/dev/null"),
    ];
    let roots = Roots {
        folders,
        templates: Vec::new(),
    };
    let mut workspace = Workspace::new(Encoding::Utf16);
    let unread = roots.load(&mut workspace);
    assert_eq!((roots.sites().len(), unread.len()), (1, 0), "{unread:?}");
    workspace.check();
}

#[test]
fn files_that_come_change_and_go_are_taken_into_their_site() {
    let folder = folder(&[
        (
            "shop/templates/page.html",
            "<m:fragment service='orders' ref='checkout'>-</m:fragment>",
        ),
        (
            "shop/contracts/orders.json",
            "{\"service\": \"orders\", \"fragments\": {\"checkout\": {}}}",
        ),
    ]);
    let root = folder.path();
    let roots = Roots {
        folders: vec![root.to_owned()],
        templates: Vec::new(),
    };
    let mut workspace = Workspace::new(Encoding::Utf16);
    roots.load(&mut workspace);
    assert_eq!(workspace.check(), []);
    let mut told = |name: &str, came_or_went: bool| {
        let change = DiskChange {
            path: root.join(name),
            came_or_went,
        };
        let unread = roots.update(&mut workspace, &[change]);
        assert_eq!(unread, Vec::<String>::new(), "{name}");
        let found = workspace.check();
        let shown = found.iter().map(|file| {
            let path = file.path.strip_prefix(root).expect("in the folder").display();
            let codes: Vec<_> = file.findings.iter().map(|finding| finding.code.name()).collect();
            format!("{path}: {}", codes.join(" "))
        });
        shown.collect::<Vec<_>>()
    };
    // A content that changes, of a template and of a contract.
    write(
        root,
        "shop/templates/page.html",
        "<m:fragment service='orders' ref='x'>-</m:fragment>",
    );
    assert_eq!(
        told("shop/templates/page.html", false),
        ["shop/templates/page.html: unknown-ref"]
    );
    write(
        root,
        "shop/contracts/orders.json",
        "{\"service\": \"orders\", \"fragments\": {\"x\": {}}}",
    );
    assert_eq!(
        told("shop/contracts/orders.json", false),
        ["shop/templates/page.html: "]
    );
    // A template that comes and goes, and one of which only the change is told.
    write(root, "shop/templates/new.html", "<m:fragment/>");
    assert_eq!(
        told("shop/templates/new.html", true),
        ["shop/templates/new.html: missing-ref empty-fallback"]
    );
    fs::remove_file(root.join("shop/templates/new.html")).expect("a file");
    assert_eq!(
        told("shop/templates/new.html", false),
        ["shop/templates/new.html: "]
    );
    // A whole folder goes, and comes back.
    fs::rename(root.join("shop/contracts"), root.join("elsewhere")).expect("a folder");
    assert_eq!(
        told("shop/contracts", true),
        ["shop/templates/page.html: no-contract"]
    );
    fs::rename(root.join("elsewhere"), root.join("shop/contracts")).expect("a folder");
    assert_eq!(told("shop/contracts", true), ["shop/templates/page.html: "]);
    // Another site.
    write(root, "blog/templates/post.html", "<m:fragment/>");
    assert_eq!(
        told("blog/templates/post.html", true),
        ["blog/templates/post.html: missing-ref empty-fallback"]
    );
    // The settings of a site.
    write(
        root,
        "shop/templates/page.html",
        "{{ 1 | euros }}<m:fragment service='orders' ref='x'>-</m:fragment>",
    );
    assert_eq!(
        told("shop/templates/page.html", false),
        ["shop/templates/page.html: template-syntax"]
    );
    write(root, "shop/hydra.toml", "[compile]\nfilters = ['euros']\n");
    assert_eq!(told("shop/hydra.toml", true), ["shop/templates/page.html: "]);
    // What does not matter.
    write(root, "target/debug/x.rs", "");
    assert_eq!(told("target/debug/x.rs", true), [""; 0]);
}
