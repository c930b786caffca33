// CSS pixels of the viewport per CSS pixel of an element, which "zoom" and "transform" change; 1 without an element.
(element) => {
  const height = element?.offsetHeight;
  return height ? element.getBoundingClientRect().height / height : 1;
}
