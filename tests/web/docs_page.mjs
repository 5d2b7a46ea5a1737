// Runs the script of /docs against a few objects that stand for a browser's document: `node docs_page.mjs PAGE DESCRIPTION`.
// Prints what the page shows, and the requests that its buttons send.
import { readFileSync } from "node:fs";

class Element {
  constructor(tag) { Object.assign(this, { tag, attributes: {}, children: [], dataset: {}, listeners: {}, value: "", textContent: "" }); }
  setAttribute(name, value) { this.attributes[name] = value; }
  append(...children) { this.children.push(...children); }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  find(wanted) { return [...(wanted(this) ? [this] : []), ...this.children.flatMap((child) => (child instanceof Element ? child.find(wanted) : []))]; }
}

const [, , page, description] = process.argv;
const elements = Object.fromEntries(["about", "routes", "filter", "token"].map((id) => [id, new Element("div")]));
const sent = [];
globalThis.document = {
  createElement: (tag) => new Element(tag),
  getElementById: (id) => elements[id] || elements.routes.find((one) => one.attributes.id === id)[0],
  querySelectorAll: (tag) => elements.routes.find((one) => one.tag === tag),
};
globalThis.location = { hash: "" };
globalThis.confirm = () => true;
globalThis.fetch = async (url, options) => {
  if (url === "openapi.json") return new Response(readFileSync(description));
  sent.push({ url, ...options });
  return new Response('{"status": "up"}', { status: 200, headers: { "Content-Type": "application/json" } });
};
const [, script] = /<script>(.*?)<\/script>/s.exec(readFileSync(page, "utf8"));
(0, eval)(script);
await new Promise((resolve) => setTimeout(resolve, 50));
elements.token.value = "a-token";
const operation = (id) => elements.routes.find((one) => one.attributes.id === id)[0];
const outputs = {};
for (const [id, values] of Object.entries({ getHealth: {}, getOperationsById: { id: "a/b" }, postFailovers: { dryRun: "true" } })) {
  const found = operation(id);
  for (const [name, value] of Object.entries(values)) found.find((one) => one.attributes["aria-label"] === name)[0].value = value;
  await found.find((one) => one.tag === "button")[0].listeners.click();
  outputs[id] = found.find((one) => one.tag === "pre").at(-1).textContent;
}
console.log(JSON.stringify({ operations: elements.routes.find((one) => one.tag === "details").map((one) => one.attributes.id), sent, outputs }));
