// Runs the API page's script over a document that only knows text and attributes; anything else throws. Prints what became of each piece.
// usage: node page-dom.mjs FOLDER   (page.js, openapi.json, list.json and one.json in it)
import { readFileSync } from 'node:fs';
import vm from 'node:vm';

const folder = process.argv[2];
const read = name => readFileSync(`${folder}/${name}`, 'utf8');
const forbid = what => { throw new Error(`${what} was used`); };

class Element {
  constructor(name) { this.name = name; this.parts = []; this.attributes = {}; this.value = ''; }
  append(...parts) { this.parts.push(...parts); }
  replaceChildren(...parts) { this.parts = parts; }
  set textContent(text) { this.parts = [String(text)]; }
  set className(text) { this.attributes.class = text; }
  set innerHTML(_) { forbid('innerHTML'); }
  set outerHTML(_) { forbid('outerHTML'); }
  insertAdjacentHTML() { forbid('insertAdjacentHTML'); }
  setAttribute(name, value) { if (/^on|^style$|^src/i.test(name)) forbid(`attribute ${name}`); this.attributes[name] = String(value); }
  addEventListener() {}
  focus() {}
}

const ids = {};
const listeners = {};
const location = { hash: '' };
const answers = { '/openapi.json': 'openapi.json', '/networking/v7.1/securityTags': 'list.json' };
const context = {
  document: { createElement: name => new Element(name), getElementById: id => ids[id] ??= new Element('div'), write: () => forbid('document.write') },
  location, performance, JSON, Math,
  addEventListener: (event, listener) => { listeners[event] = listener; },
  fetch: async url => {
    const text = read(answers[url] ?? 'one.json');
    return { ok: true, status: 200, statusText: 'OK', headers: { get: () => 'W/"e"' }, text: async () => text, json: async () => JSON.parse(text) };
  },
};
vm.runInNewContext(read('page.js'), context);

const print = part => {
  if (typeof part === 'string') {
    for (const line of part.split('\n')) console.log(`text ${line}`);
    return;
  }
  console.log(`element ${part.name}`);
  if (part.attributes.href) console.log(`href ${part.attributes.href}`);
  part.parts.forEach(print);
};
const settle = () => new Promise(resolve => setImmediate(() => setImmediate(resolve)));
const visit = async hash => {
  location.hash = hash;
  listeners.hashchange();
  await settle();
  ids.content.parts.forEach(print);
};

await settle();
await visit('#/');
await visit('#/type/securityTags');
await visit('#/get/securityTags');
const [name] = JSON.parse(read('list.json')).value.map(item => item.resourceId);
await visit(`#/get/securityTags/${encodeURIComponent(name)}`);
