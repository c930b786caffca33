// Whether an element matches.
(selector) => document.querySelector(selector) !== null
