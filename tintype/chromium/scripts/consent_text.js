// Whether a text with its buttons asks for consent to cookies and tracking, and to nothing else.
(words) => {
  const MAX_LABEL = 60, LONG = 400, NEAR = 30;
  const clean = (text) => text.slice(0, 20000).toLowerCase().replace(/[’‘]/g, "'").replace(/\s+/g, " ");
  const normal = (text) => clean(text).replace(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
  const isIn = (list) => {
    let set = null;
    return (text) => (set ??= new Set(list.map(normal))).has(text);
  };
  const [accepts, refuses, isOther] = [isIn(words.accept), isIn(words.refuse), isIn(words.other_labels)];
  const mentions = (text, list) => list.some((word) => text.includes(word));
  const padded = (text) => ` ${clean(text).replace(/[,.;:!?()"“”„«»]/g, " $& ")} `;
  const labelOf = (button) => {
    const text = button.innerText || button.value || button.getAttribute("aria-label") || button.textContent || "";
    return text.length > MAX_LABEL * 2 ? "" : normal(text);
  };
  const quickLabelOf = (button) => { // of most buttons without layout
    if (button.textContent.length > MAX_LABEL * 4) return "";
    return button.firstElementChild || !button.textContent.trim() ? labelOf(button) : normal(button.textContent);
  };
  const isAbout = (text) => mentions(text, words.about) || (mentions(text, words.privacy) && mentions(text, words.tracking));

  // The share of a text that is about consent, by sentences.
  const share = (text) => {
    let [own, all] = [0, 0];
    for (const sentence of text.split(/[.!?。！？\n]/)) {
      all += sentence.trim().length;
      if (mentions(sentence, words.about) || mentions(sentence, words.privacy) || mentions(sentence, words.tracking)) {
        own += sentence.trim().length;
      }
    }
    return all ? own / all : 0;
  };
  // Whether the text says that cookies are used: both words are near each other.
  const isUsed = (text) => words.about.some((word) => {
    for (let index = text.indexOf(word); index >= 0; index = text.indexOf(word, index + 1)) {
      if (mentions(text.slice(Math.max(0, index - NEAR), index + word.length + NEAR), words.use)) return true;
    }
    return false;
  });
  // Labels that name cookies, or only the necessary ones, answer nothing else; "OK" and "Decline" answer anything.
  const isParticular = (label) => (accepts(label) || refuses(label)) && (mentions(label, words.about) || mentions(label, words.particular));
  const isConsent = (content, labels) => {
    const text = padded(content.text), prose = padded(content.prose);
    const answers = labels.filter((label) => accepts(label) || refuses(label));
    if (!answers.length || labels.some(isOther) || !isAbout(prose)) return false;
    if (text.length > LONG && share(clean(content.text.replace(/ \n/g, ". "))) < 0.3) return false;
    const own = mentions(prose, words.about), [privacy, tracking] = [mentions(prose, words.privacy), mentions(prose, words.tracking)];
    if (mentions(text, words.biscuits) && !(privacy && tracking)) return false;
    if (answers.some(isParticular)) return true;
    if (mentions(text, words.foreign)) return false;
    if (!own) return privacy && !mentions(text, words.terms) && words.tracking.filter((word) => prose.includes(word)).length > 2;
    return (privacy && tracking) || (isUsed(prose) && (privacy || tracking || mentions(prose, words.site)));
  };
  return { accepts, refuses, labelOf, quickLabelOf, isAbout: (text) => isAbout(padded(text)), isRelated: (text) => mentions(padded(text), [...words.about, ...words.privacy]), isConsent, isForeign: (text) => mentions(padded(text), words.foreign) };
}
