// Whether an element matches, in the document or in a shadow tree.
(selector) => deepQuery(selector).length > 0
