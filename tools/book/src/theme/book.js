// The search: every word must occur; hits in headings come first.
(() => {
  const field = document.getElementById("search");
  const results = document.getElementById("results");
  const article = document.querySelector("article");
  const index = window.searchIndex.map((section) => ({
    ...section,
    lowerHeading: (section.page + " " + section.heading).toLowerCase(),
    lowerText: section.text.toLowerCase(),
  }));

  const find = (query) => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = [];
    for (const section of index) {
      let score = 0;
      for (const word of words) {
        const inHeading = section.lowerHeading.includes(word);
        const inText = section.lowerText.includes(word);
        if (!inHeading && !inText) { score = 0; break; }
        score += inHeading ? 10 : 1;
      }
      if (score > 0) hits.push({ section, score, words });
    }
    return hits.sort((a, b) => b.score - a.score).slice(0, 30);
  };

  const excerpt = ({ section, words }) => {
    const paragraph = document.createElement("p");
    const places = words.map((word) => section.lowerText.indexOf(word)).filter((at) => at >= 0);
    const first = Math.max(0, (places.length ? Math.min(...places) : 0) - 60);
    let rest = section.text.slice(first, first + 220);
    if (first > 0) paragraph.append("... ");
    while (rest) {
      const lower = rest.toLowerCase();
      const next = words.map((word) => [lower.indexOf(word), word]).filter(([at]) => at >= 0).sort((a, b) => a[0] - b[0])[0];
      if (!next) { paragraph.append(rest); break; }
      const [at, word] = next;
      paragraph.append(rest.slice(0, at));
      const mark = document.createElement("mark");
      mark.textContent = rest.slice(at, at + word.length);
      paragraph.append(mark);
      rest = rest.slice(at + word.length);
    }
    return paragraph;
  };

  const show = () => {
    const query = field.value.trim();
    results.hidden = !query;
    article.hidden = !!query;
    results.replaceChildren();
    if (!query) return;
    const hits = find(query);
    if (!hits.length) {
      const none = document.createElement("p");
      none.textContent = "No page contains all of these words.";
      results.append(none);
    }
    for (const hit of hits) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = hit.section.link;
      link.textContent = hit.section.heading === hit.section.page
        ? hit.section.page : hit.section.page + ": " + hit.section.heading;
      link.addEventListener("click", () => { field.value = ""; show(); });
      item.append(link, excerpt(hit));
      results.append(item);
    }
  };

  field.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== field) { event.preventDefault(); field.focus(); }
    if (event.key === "Escape") { field.value = ""; show(); }
  });
})();
