//! Quick fixes.

use super::*;
use crate::editor::edited;

/// All of a file.
const EVERYWHERE: (Position, Position) = (
    Position {
        line: 0,
        character: 0,
    },
    Position {
        line: u32::MAX,
        character: 0,
    },
);

/// The fixes of all problems in a page of the shop, and the page after the first of them.
fn fixes(page: &str) -> (Vec<Fix>, String) {
    let mut workspace = shop();
    let (path, _) = open(
        &mut workspace,
        "shop/templates/checkout.html",
        &format!("{page}|"),
    );
    let fixes = workspace.fixes(&path, EVERYWHERE);
    let text = fixes.first().map_or_else(String::new, |fix| {
        // Every page here has one line.
        let edits = fix
            .edits
            .iter()
            .map(|((start, end), new)| (start.character as usize..end.character as usize, new.clone()));
        edited(page, &edits.collect::<Vec<_>>())
    });
    (fixes, text)
}

#[test]
fn helps_that_mend_are_offered_and_others_are_not() {
    for (page, titles, mended) in [
        (
            "<m:fragment service='orders' ref='chekout' imports='dob'>-</m:fragment>",
            "Replace `ref='chekout'` by `ref=\"checkout\"`",
            "<m:fragment service='orders' ref=\"checkout\" imports='dob'>-</m:fragment>",
        ),
        (
            "<m:fragment service='orders' ref='recent' exports='cuont'>-</m:fragment>{{ cuont }}",
            "Replace `cuont` by `count as cuont`",
            "<m:fragment service='orders' ref='recent' exports='count as cuont'>-</m:fragment>{{ cuont }}",
        ),
        (
            "<m:fragment service='orders' ref='recent' timeout='2'>-</m:fragment>",
            "Replace `2` by `2ms`",
            "<m:fragment service='orders' ref='recent' timeout='2ms'>-</m:fragment>",
        ),
        // Nothing to mend.
        ("<m:fragment service='orders' ref='recent'>-</m:fragment>", "", ""),
        // The help leaves the text to the writer.
        ("<m:fragment service='orders'>-</m:fragment>", "", ""),
        ("<m:fragment service='orders' ref='recent'></m:fragment>", "", ""),
        (
            "<m:fragment service='orders' ref='checkout' imports='dob'>-",
            "Add `</m:fragment>`",
            "<m:fragment service='orders' ref='checkout' imports='dob'>-\n</m:fragment>",
        ),
        // The tag has no end: `>` and `/>` are both right.
        ("<m:fragment service='orders' ref='recent' <p>-</p>", "", ""),
    ] {
        let (fixes, text) = fixes(page);
        let found: Vec<_> = fixes.iter().map(|fix| fix.title.as_str()).collect();
        assert_eq!(found.join("; "), titles, "{page}");
        assert_eq!(text, mended, "{page}");
    }
}

#[test]
fn fixes_belong_to_the_range_that_is_asked_about() {
    let mut workspace = shop();
    let page = "<m:fragment service='orders' ref='chekout'>-</m:fragment>\n<m:fragment service='orders' ref='recnt'>-</m:fragment>|";
    let (path, _) = open(&mut workspace, "shop/templates/checkout.html", page);
    let codes = |workspace: &mut Workspace, line, character| {
        let at = Position { line, character };
        let fixes = workspace.fixes(&path, (at, at));
        fixes
            .iter()
            .map(|fix| (fix.code, fix.title.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        codes(&mut workspace, 1, 36),
        [(
            Code::UnknownRef,
            "Replace `ref='recnt'` by `ref=\"recent\"`".to_owned()
        )]
    );
    assert_eq!(codes(&mut workspace, 1, 3), []);
    assert_eq!(codes(&mut workspace, 99, 3), []);
}

/// The title of each fix that is offered for a file, and the text after it.
#[test]
fn the_fixes_of_all_fixtures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/problem");
    let entries = std::fs::read_dir(folder).expect("the fixtures");
    let mut folders: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    let mut all = String::new();
    for folder in folders.iter().filter(|folder| !folder.ends_with("many")) {
        let beside = |name| Some(folder.join(name)).filter(|folder| folder.is_dir());
        let paths = SitePaths {
            templates: folder.clone(),
            contracts: beside("contracts"),
            rust: beside("src"),
            ..SitePaths::default()
        };
        let files = paths.read();
        let mut templates: Vec<PathBuf> = files
            .files
            .iter()
            .map(|(_, file)| file.source.path.clone())
            .collect();
        templates.sort();
        let mut workspace = Workspace::new(Encoding::Utf8);
        workspace.set_sites(vec![(paths, files)]);
        for path in templates {
            for fix in workspace.fixes(&path, EVERYWHERE) {
                let file = path.strip_prefix(folder).expect("in the folder").display();
                let folder = folder.file_name().expect("a name").display();
                all.push_str(&format!("{folder}/{file}: {}: {}\n", fix.code.name(), fix.title));
            }
        }
    }
    insta::assert_snapshot!(all);
}
