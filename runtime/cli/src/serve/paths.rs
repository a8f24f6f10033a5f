//! Which file belongs to which path.

/// The path of a template's page: `index.html` → `/`, `shop/item.html` → `/shop/item`. `None`: the template is not
/// HTML.
pub(super) fn page_path(template: &str) -> Option<String> {
    let stem = template
        .strip_suffix(".html")
        .or_else(|| template.strip_suffix(".htm"))?;
    let stem = match stem.strip_suffix("index") {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => folder.trim_end_matches('/'),
        _ => stem,
    };
    Some(format!("/{stem}"))
}

/// A path as [`page_path`] writes it: `/about/` is `/about`.
pub(super) fn normal(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    }
}

/// Whether a file of the folder may be sent, according to the requested path: hidden files, templates, data and
/// settings may not. `path` is decoded. `is_data` tells whether the file is the data of a template, by its path
/// without the ending.
pub(super) fn is_static(path: &str, is_data: impl FnOnce(&str) -> bool) -> bool {
    // A path with an empty part leads to the same file, but would not be equal to what is compared here.
    let is_plain = |part: &str| !part.is_empty() && !part.starts_with('.');
    let inner = path.strip_prefix('/');
    inner.is_some_and(|inner| inner.split('/').all(is_plain) && !inner.contains('\\'))
        && is_content(path, is_data)
}

/// The same for the real path of a file to which a link leads. A folder whose name begins with two dots is not
/// hidden: Kubernetes keeps mounted files in such folders, behind links.
pub(super) fn is_static_behind_links(path: &str, is_data: impl FnOnce(&str) -> bool) -> bool {
    let (folders, file) = path.rsplit_once('/').unwrap_or_default();
    let is_hidden = |part: &str| part.starts_with('.') && !part.starts_with("..");
    !file.starts_with('.') && !folders.split('/').any(is_hidden) && is_content(path, is_data)
}

fn is_content(path: &str, is_data: impl FnOnce(&str) -> bool) -> bool {
    let path = without_backup_ending(path);
    match path
        .rsplit_once('.')
        .map(|(stem, ending)| (stem, ending.to_ascii_lowercase()))
    {
        Some((_, ending)) if matches!(ending.as_str(), "html" | "htm" | "tera" | "toml") => false,
        Some((stem, ending)) if ending == "json" => !is_data(stem),
        _ => true,
    }
}

/// A path without the endings that editors and people append to copies: a copy contains what the file contained.
fn without_backup_ending(mut path: &str) -> &str {
    const ENDINGS: [&str; 6] = ["~", ".bak", ".old", ".orig", ".save", ".swp"];
    while let Some(shorter) = ENDINGS.iter().find_map(|ending| path.strip_suffix(ending)) {
        path = shorter;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_paths() {
        for (template, path) in [
            ("index.html", Some("/")),
            ("about.html", Some("/about")),
            ("shop/index.html", Some("/shop")),
            ("shop/item.htm", Some("/shop/item")),
            ("reindex.html", Some("/reindex")),
            ("feed.xml", None),
        ] {
            assert_eq!(page_path(template).as_deref(), path, "{template}");
        }
        assert_eq!((normal("/"), normal("/a/"), normal("/a")), ("/", "/a", "/a"));
    }

    #[test]
    fn what_is_not_meant_for_visitors_is_not_sent() {
        let about = |stem: &str| stem == "/about";
        for (path, sent) in [
            ("/style.css", true),
            ("/data/list.json", true),
            ("/list.json~", true),
            ("/about.json", false),
            ("/about.json~", false),
            ("/about.json.bak", false),
            ("/about.toml", false),
            ("/about.toml~", false),
            ("/about.html.orig~", false),
            ("/hydra.toml", false),
            ("/about.html", false),
            ("/.git/config", false),
            ("/a/.env", false),
            ("/../x", false),
            ("/..data/x", false),
            ("//hydra.toml", false),
            ("//about.json", false),
            ("/a//b.css", false),
            ("/a\\b.css", false),
            ("/other.TOML", false),
            ("/about.JSON", false),
            ("/", false),
            ("", false),
        ] {
            assert_eq!(is_static(path, about), sent, "{path}");
        }
    }

    #[test]
    fn what_a_link_leads_to_is_judged_as_well() {
        let about = |stem: &str| stem == "/about";
        for (path, sent) in [
            ("/style.css", true),
            ("/..2026_11_28/style.css", true),
            ("/..2026_11_28/about.toml", false),
            ("/about.json", false),
            ("/.env", false),
            ("/..env", false),
            ("/.git/config", false),
            ("/a/.git/config", false),
        ] {
            assert_eq!(is_static_behind_links(path, about), sent, "{path}");
        }
    }
}
