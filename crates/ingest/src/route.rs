//! Which source a path speaks to.

use std::sync::Arc;

use crate::sources::{Source, Sources};

/// A source, and the path after it.
pub(crate) struct Target<'a> {
    pub(crate) source: &'a Arc<Source>,
    /// As it came, without slashes at either end.
    pub(crate) tail: &'a str,
}

/// Finds the source of `/hooks/{source}[/{tail}]`, or of one of GxP's documented paths.
pub(crate) fn find<'a>(sources: &'a Sources, path: &'a str) -> Option<Target<'a>> {
    if let Some(rest) = path.strip_prefix("/hooks/") {
        let (id, tail) = rest.split_once('/').unwrap_or((rest, ""));
        let tail = tail.trim_matches('/');
        let source = sources.get(id)?;
        return Some(Target { source, tail });
    }
    let tail = path.strip_prefix("/webhook/v1/")?.trim_end_matches('/');
    let source = sources.by_gxp_path(tail)?;
    Some(Target { source, tail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::tests::parse;

    #[test]
    fn paths_find_their_source() {
        let sources = parse(
            "sources:\n\
             - {id: hq, provider: cvent, tenant: acme, secrets: [{text: s}]}\n\
             - {id: fair, provider: gxp, tenant: acme, secrets: [{text: s}], gxp_paths: [cvent]}\n",
        )
        .unwrap();
        let found = |path| find(&sources, path).map(|it| (it.source.id.to_string(), it.tail));
        let is = |id: &str, tail| Some((id.to_owned(), tail));
        assert_eq!(found("/hooks/hq"), is("hq", ""));
        assert_eq!(found("/hooks/hq/"), is("hq", ""));
        assert_eq!(found("/hooks/hq/a/b%20c/"), is("hq", "a/b%20c"));
        assert_eq!(found("/hooks/fair/cvent"), is("fair", "cvent"));
        assert_eq!(found("/webhook/v1/cvent"), is("fair", "cvent"));
        for path in [
            "/",
            "/hooks",
            "/hooks/",
            "/hooks/HQ",
            "/hooks/h%71",
            "/webhook/v1/",
            "/webhook/v1/access-event",
            "/webhook/v2/cvent",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
