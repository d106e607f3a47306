//! A small reader of our own, well-formed HTML: enough to say what a page is made of.

/// A tag as it stands in the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) name: String,
    /// Names in lower case, values as written.
    pub(crate) attrs: Vec<(String, String)>,
    pub(crate) close: bool,
    /// The text up to the next tag.
    pub(crate) text: String,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// The tags of a page in order. Panics where the page is not well-formed enough to be ours.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with('!') {
            rest = &rest[rest.find('>').expect("a declaration ends")..];
            continue;
        }
        let close = rest.starts_with('/');
        let body = rest.strip_prefix('/').unwrap_or(rest);
        let end = body.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(body.len());
        let name = body[..end].to_ascii_lowercase();
        assert!(!name.is_empty(), "a bare < before {:?}", &body[..body.len().min(60)]);
        let mut body = &body[end..];
        let mut attrs = Vec::new();
        loop {
            body = body.trim_start();
            if let Some(after) = body.strip_prefix("/>").or_else(|| body.strip_prefix('>')) {
                body = after;
                break;
            }
            let end = body.find(|c: char| c == '=' || c == '>' || c == '/' || c.is_whitespace()).expect("a tag ends");
            let attr = body[..end].to_ascii_lowercase();
            assert!(!attr.is_empty(), "an attribute without a name in <{name}: {:?}", &body[..body.len().min(60)]);
            body = &body[end..];
            let mut value = String::new();
            if let Some(after) = body.strip_prefix('=') {
                let quote = after.chars().next().expect("a value follows =");
                assert!(quote == '"' || quote == '\'', "<{name} {attr}: values are quoted");
                let end = after[1..].find(quote).expect("a quoted value ends");
                after[1..=end].clone_into(&mut value);
                body = &after[end + 2..];
            }
            attrs.push((attr, value));
        }
        let text = body[..body.find('<').unwrap_or(body.len())].to_owned();
        tags.push(Tag { name, attrs, close, text });
        rest = body;
    }
    tags
}
