//! Which file answers which path.

/// The path of a template's page: `index.html` → `/`, `shop/item.html` → `/shop/item`. `None`: it is no HTML.
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

/// A path as [`page_path`] has it: `/about/` is `/about`.
pub(super) fn normal(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    }
}

/// Whether a file of the folder may be sent as it is: no hidden one, no template, no data of a page, no settings.
/// `path` is decoded. `is_page_data` tells whether a template stands beside it.
pub(super) fn is_static(path: &str, is_page_data: impl FnOnce(&str) -> bool) -> bool {
    let Some(inner) = path.strip_prefix('/') else {
        return false;
    };
    // An empty part leads to the same file as the path without it, past what is compared here.
    if inner
        .split('/')
        .any(|part| part.is_empty() || part.starts_with('.'))
        || inner.contains('\\')
    {
        return false;
    }
    match path
        .rsplit_once('.')
        .map(|(stem, ending)| (stem, ending.to_ascii_lowercase()))
    {
        Some((_, ending)) if matches!(ending.as_str(), "html" | "htm" | "tera" | "toml") => false,
        Some((stem, ending)) if ending == "json" => !is_page_data(stem),
        _ => true,
    }
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
            ("/about.json", false),
            ("/about.toml", false),
            ("/hydra.toml", false),
            ("/about.html", false),
            ("/.git/config", false),
            ("/a/.env", false),
            ("/../x", false),
            ("//hydra.toml", false),
            ("//about.json", false),
            ("/a//b.css", false),
            ("/other.TOML", false),
            ("/about.JSON", false),
        ] {
            assert_eq!(is_static(path, about), sent, "{path}");
        }
    }
}
