// The children of an element. Its property "children" is a field, if it is a form and a field has this name.
(element) => Object.getOwnPropertyDescriptor(Element.prototype, "children").get.call(element)
