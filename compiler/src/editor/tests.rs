//! A workspace in memory, asked about places that are marked with `|`.

use std::path::{Path, PathBuf};

use crate::{
    problem::Code,
    read::{FileKind, LoadedFile, SiteFiles, SitePaths},
    source::Source,
};

use super::{Encoding, Fix, Place, Position, Workspace};

mod completions;
mod disk;
mod fixes;
mod links;

/// Files of a site by their paths in its folder: `templates/…`, `contracts/…` and `src/…`.
type Files<'f> = &'f [(&'f str, &'f str)];

/// A shop with a page of a Rust type, a layout, and contracts.
const SHOP: Files<'static> = &[
    (
        "contracts/orders.json",
        r#"{"service": "orders", "fragments": {
            "checkout": {"imports": {"dob": {"type": "date"}, "country": {"type": "string", "default": "BE"}},
                         "exports": {"address": "string", "zip": "integer"}},
            "recent": {"exports": {"count": "integer"}}}}"#,
    ),
    (
        "src/main.rs",
        "#[derive(Page, Serialize)]\n#[page(template = \"checkout.html\")]\nstruct Checkout {\n    dob: Date,\n    total: u32,\n}\n",
    ),
    (
        "templates/checkout.html",
        "{% extends \"layout.html\" %}{% block main %}{{ total }}{% endblock %}",
    ),
    (
        "templates/index.html",
        "<html m:attributes=\"teas: list<string>\">{{ teas }}{% include \"part.html\" %}</html>",
    ),
    (
        "templates/layout.html",
        "<html>{% block main %}{% endblock %}</html>",
    ),
    (
        "templates/menu.html",
        "<nav m:ref=\"menu\" m:imports=\"here: string\" m:exports=\"open: boolean\">{{ here }}</nav>",
    ),
    ("templates/part.html", "<p>{{ teas }}</p>"),
];

/// A workspace with one site for each folder of files.
fn workspace(sites: &[(&str, Option<&str>, Files<'_>)]) -> Workspace {
    let mut workspace = Workspace::new(Encoding::Utf8);
    let sites = sites.iter().map(|(folder, service, files)| {
        let folder = Path::new("/").join(folder);
        let mut paths = SitePaths {
            templates: folder.join("templates"),
            contracts: Some(folder.join("contracts")),
            rust: Some(folder.join("src")),
            ..SitePaths::default()
        };
        paths.options.service = service.map(str::to_owned);
        let files = files
            .iter()
            .map(|(name, text)| loaded(&paths, &folder.join(name), text));
        let files = SiteFiles {
            options: paths.options.clone(),
            files: files.collect(),
            unread: Vec::new(),
        };
        (paths, files)
    });
    workspace.set_sites(sites.collect());
    workspace
}

fn loaded(paths: &SitePaths, path: &Path, text: &str) -> (FileKind, LoadedFile) {
    let (kind, name) = paths.kind(path).expect("a file of the site");
    let source = Source::new(name, path, text);
    (
        kind,
        LoadedFile {
            source,
            broken_at: None,
        },
    )
}

fn shop() -> Workspace {
    workspace(&[("shop", Some("shop"), SHOP)])
}

/// Opens a document with a text that has a mark. The result is its path, and the place of the mark.
fn open(workspace: &mut Workspace, name: &str, marked: &str) -> (PathBuf, Position) {
    let path = Path::new("/").join(name);
    let at = marked.find('|').expect("a mark");
    let before = &marked[..at];
    let position = Position {
        line: before.matches('\n').count() as u32,
        character: before.rsplit('\n').next().unwrap_or_default().len() as u32,
    };
    workspace.open(path.clone(), 1, marked.replacen('|', "", 1));
    (path, position)
}

/// "shop/templates/a.html 1:5".
fn shown(place: &Place) -> String {
    let path = place.path.strip_prefix("/").expect("absolute").display();
    format!(
        "{path} {}:{}",
        place.range.0.line + 1,
        place.range.0.character + 1
    )
}
