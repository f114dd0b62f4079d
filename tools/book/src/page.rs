//! One page: Markdown in, the inside of an HTML page out, with its anchors, links and pieces for the search.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use support::markdown;

use crate::contents::html_name;

/// A page in HTML.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The first heading.
    pub(crate) title: String,
    /// What is between the table of contents and the end.
    pub(crate) html: String,
    /// The anchors of its headings.
    pub(crate) anchors: Vec<String>,
    /// What its links and pictures lead to inside the book: `FILE` or `FILE#ANCHOR`, the file empty for the page itself.
    pub(crate) links: Vec<String>,
    /// What the search looks at.
    pub(crate) sections: Vec<Section>,
}

/// A heading with the text below it.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) anchor: String,
    pub(crate) text: String,
}

/// Renders a page. Links that lead out of docs go to `repository`.
pub(crate) fn render(text: &str, repository: &str) -> Page {
    let mut page = Page::default();
    let mut events = Vec::new();
    let mut in_heading = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                in_heading = Some(events.len());
                page.sections.push(Section::default());
                events.push(heading_start(level, ""));
            }
            Event::End(TagEnd::Heading(level)) => {
                let section = page.sections.last_mut();
                let heading = section
                    .as_ref()
                    .map_or("", |section| section.heading.as_str());
                let slug = markdown::slug(heading);
                let anchor = markdown::next_anchor(&slug, &page.anchors);
                if page.title.is_empty() {
                    heading.clone_into(&mut page.title);
                }
                if let Some(start) = in_heading.take() {
                    events[start] = heading_start(level, &anchor);
                }
                let link = format!(
                    " <a class=\"anchor\" href=\"#{anchor}\" aria-label=\"link\">#</a></{level}>\n"
                );
                events.push(Event::Html(link.into()));
                if let Some(section) = section {
                    section.anchor.clone_from(&anchor);
                }
                page.anchors.push(anchor);
            }
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let dest_url = target(&dest_url, repository, &mut page.links);
                events.push(Event::Start(Tag::Link {
                    link_type,
                    dest_url,
                    title,
                    id,
                }));
            }
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let dest_url = target(&dest_url, repository, &mut page.links);
                events.push(Event::Start(Tag::Image {
                    link_type,
                    dest_url,
                    title,
                    id,
                }));
            }
            Event::Text(ref text) | Event::Code(ref text) => {
                if let Some(section) = page.sections.last_mut() {
                    let place = if in_heading.is_some() {
                        &mut section.heading
                    } else {
                        &mut section.text
                    };
                    place.push_str(text);
                }
                events.push(event);
            }
            // The pages are text: what looks like HTML is shown.
            Event::Html(text) | Event::InlineHtml(text) => events.push(Event::Text(text)),
            Event::SoftBreak | Event::HardBreak | Event::End(_) => {
                if let Some(section) = page.sections.last_mut() {
                    section.text.push(' ');
                }
                events.push(event);
            }
            other => events.push(other),
        }
    }
    html::push_html(&mut page.html, events.into_iter());
    page
}

fn heading_start<'a>(level: HeadingLevel, anchor: &str) -> Event<'a> {
    Event::Html(format!("<{level} id=\"{anchor}\">").into())
}

/// Where a link leads in the book.
fn target<'a>(link: &str, repository: &str, links: &mut Vec<String>) -> CowStr<'a> {
    if link.contains(':') {
        return link.to_owned().into();
    }
    if let Some(outside) = link.strip_prefix("../") {
        return format!("{repository}/blob/main/{outside}").into();
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file = html_name(file);
    let hash = if anchor.is_empty() { "" } else { "#" };
    let inside = format!("{file}{hash}{anchor}");
    links.push(inside.clone());
    inside.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_links_and_tables_become_html() {
        let text = "# A `b`\n\nSee [c](c.md#d), [up](../X.md), [e](https://e.org), ![p](p.svg) <b>.\n\n## Two\n\n| x |\n|---|\n| y |\n";
        let page = render(text, "https://r.org");
        assert_eq!(page.title, "A b");
        assert_eq!(page.anchors, ["a-b", "two"]);
        assert_eq!(page.links, ["c.html#d", "p.svg"]);
        for part in [
            "<h1 id=\"a-b\">A <code>b</code>",
            "href=\"c.html#d\"",
            "href=\"https://r.org/blob/main/X.md\"",
            "href=\"https://e.org\"",
            "&lt;b&gt;",
            "<td>y</td>",
        ] {
            assert!(page.html.contains(part), "{part}: {}", page.html);
        }
        assert_eq!(page.sections[1].heading, "Two");
        assert!(page.sections[1].text.contains('y'));
    }
}
