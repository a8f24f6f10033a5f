//! The paths of pages, as the derive reports them: whole messages, and no other error beside them.

use super::*;

#[test]
fn a_path_that_the_router_refuses_or_the_gateway_keeps_is_the_only_error() {
    let text = [("index.html", "<p>")];
    let found = found(&text);
    for (path, expected) in [
        ("a", Some("a path begins with `/`: write `path = \"/a\"`")),
        (
            "/product/{id",
            Some("the braces of `{id` are not in pairs: write `{id}`"),
        ),
        (
            "/product/{}",
            Some("the braces of `{}` are empty: name the part, as in `{id}`"),
        ),
        (
            "/{a}{b}",
            Some(
                "`{a}{b}` has more in it than one name in braces, which the gateway does not route: put a `/` between them, or take it apart in the handler",
            ),
        ),
        (
            "/a{b}",
            Some(
                "`a{b}` has more in it than one name in braces, which the gateway does not route: put a `/` between them, or take it apart in the handler",
            ),
        ),
        (
            "/{id}/{id}",
            Some("`id` stands twice in this path: give the second part another name"),
        ),
        ("//", Some("a part of this path is empty: write `path = \"/\"`")),
        (
            "/a//b",
            Some("a part of this path is empty: write `path = \"/a/b\"`"),
        ),
        (
            "/a b",
            Some("no request has a path with white space in it: write `path = \"/a-b\"`"),
        ),
        (
            "/a?b=1",
            Some(
                "a path ends before `?`, since the query does not belong to it: write `path = \"/a\"`, and let the handler take `Query`",
            ),
        ),
        (
            "/a#b",
            Some(
                "a path ends before `#`, since the fragment of an address does not belong to it: browsers do not send it. Write `path = \"/a\"`",
            ),
        ),
        (
            "/login",
            Some(
                "the gateway keeps `/login` for itself: visitors would never see this page there. Choose another path",
            ),
        ),
        (
            "/h/x",
            Some(
                "the gateway keeps `/h/x` for itself: visitors would never see this page there. Choose another path",
            ),
        ),
        ("/product/{id}", None),
    ] {
        let item = quote! { #[page(template = "index.html", path = #path)] struct A {} };
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(errors(&derive_page(item, &found)), expected, "{path}");
    }
}
