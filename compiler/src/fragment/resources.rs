//! The style sheets and scripts of an offered fragment: `m:styles="css/checkout.css, /theme.css"`.

use crate::{parse::TagAttribute, problem::Code};

use super::{TagReader, short, text};

const HELP: &str = "write files of this service, with commas between: `css/checkout.css`; or paths on the site that begin \
                    with `/`, or `https://` addresses";

/// Reads a list of files.
pub(super) fn read(reader: &mut TagReader<'_>, attribute: &TagAttribute) -> Vec<String> {
    let Some(decoded) = text::fixed(reader, attribute, Code::BadList, HELP) else {
        return Vec::new();
    };
    let mut files: Vec<String> = Vec::new();
    let parts: Vec<&str> = decoded.text.split(',').collect();
    let last = parts.len() - 1;
    let mut start = 0;
    for (index, part) in parts.into_iter().enumerate() {
        let file = part.trim();
        let from = start + part.len() - part.trim_start().len();
        let span = decoded.span(from, from + file.len());
        start += part.len() + 1;
        // A comma may stand at the end.
        if file.is_empty() && index == last && index > 0 {
            continue;
        }
        if !is_file(file) {
            let message = format!(
                "`{}` is not a style sheet or script that a page can link",
                short(file)
            );
            reader.report(Code::BadList, message, span, "not a file", HELP);
        } else if files.iter().any(|known| known == file) {
            let message = format!("`{}` stands twice in this list", short(file));
            reader.report(Code::BadList, message, span, "here again", "keep one of them");
        } else {
            files.push(file.to_owned());
        }
    }
    files
}

/// Whether a page can link it: as it is, without a part that leads out of its folder, and from no other scheme.
fn is_file(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%!$&*+;=:@?#()".contains(&byte);
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let leads_out = path.split('/').any(|part| part == "." || part == "..");
    let names_file = match text.split_once(':') {
        Some(("https", rest)) => rest.starts_with("//") && rest.len() > 2 && !rest.starts_with("///"),
        // A colon before the first slash would be a scheme.
        Some((before, _)) if !before.contains('/') => false,
        _ => !path.is_empty() && !path.starts_with("//") && !path.ends_with('/'),
    };
    text.len() <= 500 && text.bytes().all(plain) && !leads_out && names_file
}

#[cfg(test)]
mod tests {
    use super::is_file;

    #[test]
    fn what_a_page_can_link() {
        for good in [
            "a.css",
            "css/checkout.css",
            "/theme/a.css?v=1",
            "https://cdn.example/a.js",
            "a/b:c.css",
        ] {
            assert!(is_file(good), "{good}");
        }
        for bad in [
            "",
            "/",
            "css/",
            "//cdn.example/a.js",
            "https:",
            "https://",
            "https:a.js",
            "http://cdn.example/a.js",
            "javascript:alert(1)",
            "data:text/css,x",
            "../a.css",
            "a/./b.css",
            "a b.css",
            "a\\b.css",
            "\"><script>",
            "a'.css",
            "a\n.css",
            "é.css",
            &"a".repeat(501),
        ] {
            assert!(!is_file(bad), "{bad}");
        }
    }
}
