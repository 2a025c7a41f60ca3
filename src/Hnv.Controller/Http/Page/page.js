// The API page: resource types and their properties from /openapi.json, and documents as they are. Names and values are other people's:
// they become text (textContent) and encoded paths, never markup.
'use strict';

(() => {
  const rowsMax = 500;
  const linesMax = 5000;
  const prefix = '/networking/';
  const byId = id => document.getElementById(id);
  let api = null;

  /** An element with text, attributes and children. */
  const make = (name, text, attributes, ...children) => {
    const element = document.createElement(name);
    if (text !== null && text !== undefined) element.textContent = String(text);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    element.append(...children.filter(child => child));
    return element;
  };

  /** A path of the API as a fragment of this page: whatever is in a name, it stays one segment. */
  const fragment = (kind, path) => '#/' + kind + '/' + path.split('/').filter(part => part).map(encodeURIComponent).join('/');
  const decode = part => { try { return decodeURIComponent(part); } catch { return part; } };
  const segmentsOf = path => path.split('/').filter(part => part);
  const link = (text, target) => make('a', text, { href: target });

  const schemas = () => api.components.schemas;
  const isResource = schema => schema && schema['x-openhnv-resource'];
  const types = () => Object.values(schemas()).filter(isResource).map(schema => schema['x-openhnv-resource'].path);
  const schemaOf = path => Object.values(schemas()).find(schema => isResource(schema) && schema['x-openhnv-resource'].path.toLowerCase() === path.toLowerCase());

  const say = (text, isBad) => {
    byId('status').textContent = text;
    byId('status').className = isBad ? 'bad' : '';
  };

  const show = (...parts) => byId('content').replaceChildren(...parts);

  /* The list of types. */

  const list = () => {
    const wanted = byId('filter').value.trim().toLowerCase();
    const current = decode(location.hash);
    const all = types();
    const entry = path => {
      const children = all.filter(other => other.startsWith(path + '/') && !other.slice(path.length + 1).includes('/')).map(entry).filter(item => item);
      if (!path.toLowerCase().includes(wanted) && !children.length) return null;
      const anchor = link(path.slice(path.lastIndexOf('/') + 1), fragment('type', path));
      if (current === '#/type/' + path) anchor.setAttribute('aria-current', 'page');
      return make('li', null, null, anchor, children.length ? make('ul', null, null, ...children) : null);
    };
    byId('list').replaceChildren(...all.filter(path => !path.includes('/')).map(entry).filter(item => item));
  };

  /* One type: its paths, its properties. */

  const kindOf = schema => {
    if (schema.$ref) return schema.$ref.split('/').pop();
    if (schema['x-openhnv-references']) return 'reference';
    if (schema.type === 'array') return 'list of ' + (schema['x-openhnv-children'] ? schema['x-openhnv-children'].split('/').pop() : kindOf(schema.items || {}));
    return schema.format || schema.type || 'any';
  };

  const flagsOf = (schema, isRequired) => [
    [isRequired && !schema.readOnly, 'required'],
    [schema.readOnly, 'read-only'],
    [schema.writeOnly, 'secret'],
    [schema['x-openhnv-immutable'], 'fixed at creation'],
    [schema['x-openhnv-filled'] && !schema.readOnly, 'given when absent'],
    [schema['x-openhnv-since'], 'since ' + schema['x-openhnv-since']],
    [schema['x-openhnv-until'], 'until ' + schema['x-openhnv-until']],
  ].filter(([isSet]) => isSet).map(([, text]) => make('span', text, { class: 'flag' }));

  const about = schema => {
    const cell = make('td');
    const words = [];
    if (schema.enum) words.push('one of ' + schema.enum.join(', '));
    if (schema.default !== undefined) words.push('default ' + JSON.stringify(schema.default));
    if (schema.minimum !== undefined) words.push(schema.minimum + ' … ' + schema.maximum);
    if (schema.maxItems) words.push('at most ' + schema.maxItems);
    if (schema.description && !schema['x-openhnv-references']) words.push(schema.description);
    cell.append(words.join('; '));
    const targets = schema['x-openhnv-references'] || (schema.items && schema.items['x-openhnv-references']) || (schema['x-openhnv-children'] ? [schema['x-openhnv-children']] : []);
    targets.forEach((target, index) => cell.append(index ? ' or ' : (words.length ? '; ' : '') + (schema['x-openhnv-children'] ? 'see ' : 'to '), link(target, fragment('type', target))));
    const inner = structureOf(schema);
    if (inner) cell.append(make('details', null, null, make('summary', 'members'), propertyTable(inner)));
    return cell;
  };

  const structureOf = schema => {
    const whole = schema.type === 'array' ? schema.items || {} : schema;
    return whole.properties && !whole['x-openhnv-references'] ? whole : null;
  };

  const propertyTable = schema => make('table', null, null,
    make('thead', null, null, make('tr', null, null, ...['Property', 'Type', 'About'].map(head => make('th', head, { scope: 'col' })))),
    make('tbody', null, null, ...Object.entries(schema.properties).map(([name, property]) => make('tr', null, null,
      make('td', name, { class: 'name' }),
      make('td', null, null, make('div', kindOf(property)), ...flagsOf(property, (schema.required || []).includes(name))),
      about(property)))));

  const showType = path => {
    const schema = schemaOf(path);
    if (!schema) return notFound('There is no resource type ' + path + '.');
    const type = schema['x-openhnv-resource'];
    const verbs = Object.entries(api.paths).flatMap(([url, item]) => ['get', 'put', 'delete']
      .filter(verb => item[verb] && belongs(url, type.path))
      .map(verb => make('li', null, null, make('span', verb.toUpperCase(), { class: 'verb' }), make('code', url), make('span', '  ' + item[verb].summary))));
    say('');
    show(
      make('h2', type.path),
      !type.path.includes('/') ? make('p', null, null, link('Read what there is', fragment('get', type.path))) : make('p', 'Inside ', null, link(type.path.slice(0, type.path.lastIndexOf('/')), fragment('type', type.path.slice(0, type.path.lastIndexOf('/'))))),
      make('h3', 'Requests'), verbs.length ? make('ul', null, null, ...verbs) : make('p', 'Read and written with the resource around it only.'),
      make('h3', 'Properties'), propertyTable(schema.properties.properties),
      make('h3', 'Beside properties'), propertyTable({ properties: Object.fromEntries(Object.entries(schema.properties).filter(([name]) => name !== 'properties')) }));
  };

  /** Whether a path of the document is the collection or a resource of a type. */
  const belongs = (url, path) => segmentsOf(url).slice(2).filter((part, index) => index % 2 === 0).join('/').toLowerCase() === path.toLowerCase();

  const showOverview = () => {
    say('');
    show(
      make('h2', api.info.title),
      make('p', api.info.description),
      make('p', 'Version ' + api.info.version + '. The whole description is in ', null, link('/openapi.json', '/openapi.json'), '.'),
      make('ul', null, null, ...types().filter(path => !path.includes('/')).map(path => make('li', null, null,
        link(path, fragment('type', path)), ' · ', make('a', 'read', { href: fragment('get', path), 'aria-label': 'read ' + path })))));
  };

  const notFound = text => {
    say(text, true);
    show();
  };

  /* Documents as they are. */

  /** JSON as text with colors; references are links. */
  const render = value => {
    const out = make('pre');
    let lines = 0;
    const write = (node, indent) => {
      if (node === null || typeof node !== 'object') {
        out.append(make('span', JSON.stringify(node), { class: typeof node === 'string' ? 'text' : 'number' }));
        return;
      }
      const isList = Array.isArray(node);
      const entries = Object.entries(node);
      out.append(isList ? '[' : '{');
      entries.forEach(([name, member], index) => {
        if (lines++ > linesMax) {
          if (lines === linesMax + 2) out.append('\n… more than ' + linesMax + ' lines');
          return;
        }
        out.append((index ? ',' : '') + '\n' + '  '.repeat(indent + 1));
        if (!isList) out.append(make('span', JSON.stringify(name), { class: 'key' }), ': ');
        if (!isList && name === 'resourceRef' && typeof member === 'string') out.append('"', link(member, fragment('get', member)), '"');
        else write(member, indent + 1);
      });
      out.append(entries.length ? '\n' + '  '.repeat(indent) : '', isList ? ']' : '}');
    };
    write(value, 0);
    return out;
  };

  const stateOf = document => {
    const properties = document.properties || {};
    const configuration = properties.configurationState || {};
    return [properties.provisioningState, configuration.status].filter(word => word).join(' / ');
  };

  const showDocument = async path => {
    const version = byId('version').value;
    const url = prefix + encodeURIComponent(version) + '/' + segmentsOf(path).map(encodeURIComponent).join('/');
    byId('path').value = path;
    say('Reading ' + url + ' …');
    const begun = performance.now();
    let response, text;
    try {
      response = await fetch(url, { cache: 'no-store', headers: { Accept: 'application/json' } });
      text = await response.text();
    } catch (error) {
      return notFound('The controller does not answer: ' + error.message);
    }
    if (decode(location.hash) !== '#/get/' + path) return;
    let body = null;
    try { body = text ? JSON.parse(text) : null; } catch { /* shown as it is, below */ }
    const etag = response.headers.get('ETag');
    say(`GET ${url}: ${response.status} ${response.statusText}, ${Math.round(performance.now() - begun)} ms, ${text.length} characters`, !response.ok);
    const parts = [make('h2', '/' + path)];
    const typePath = segmentsOf(path).filter((part, index) => index % 2 === 0).join('/');
    if (schemaOf(typePath)) parts.push(make('p', 'What its properties mean: ', null, link(typePath, fragment('type', typePath))));
    if (etag) parts.push(make('p', 'ETag ', null, make('code', etag)));
    if (body && Array.isArray(body.value)) {
      parts.push(make('p', body.value.length + (body.value.length === 1 ? ' resource' : ' resources') + (body.value.length > rowsMax ? ', the first ' + rowsMax + ' shown' : '')));
      parts.push(make('table', null, null,
        make('thead', null, null, make('tr', null, null, ...['Name', 'State', 'ETag'].map(head => make('th', head, { scope: 'col' })))),
        make('tbody', null, null, ...body.value.slice(0, rowsMax).map(item => make('tr', null, null,
          make('td', null, { class: 'name' }, link(item.resourceId || item.resourceRef, fragment('get', item.resourceRef || path + '/' + item.resourceId))),
          make('td', stateOf(item)), make('td', item.etag || '', { class: 'name' }))))));
    } else {
      parts.push(body === null ? make('pre', text) : render(body));
    }
    show(...parts);
  };

  /* Where we are. */

  const route = () => {
    const [kind, ...rest] = segmentsOf(location.hash.slice(1)).map(decode);
    list();
    if (kind === 'type') showType(rest.join('/'));
    else if (kind === 'get') showDocument(rest.join('/'));
    else showOverview();
    document.title = (rest.length ? rest.join('/') + ' · ' : '') + 'OpenHNV Network Controller';
  };

  const start = async () => {
    try {
      const response = await fetch('/openapi.json');
      if (!response.ok) throw new Error('HTTP ' + response.status);
      api = await response.json();
    } catch (error) {
      return say('/openapi.json cannot be read: ' + error.message, true);
    }
    const version = api.components.parameters.version.schema;
    byId('version').replaceChildren(...version.enum.map(name => make('option', name, { value: name })));
    byId('version').value = version.default;
    byId('types').replaceChildren(...types().filter(path => !path.includes('/')).map(path => make('option', null, { value: path })));
    byId('filter').addEventListener('input', list);
    byId('version').addEventListener('change', route);
    byId('try').addEventListener('submit', event => {
      event.preventDefault();
      const target = fragment('get', byId('path').value.replace(/^\/?networking\/[^/]+\//, ''));
      if (location.hash === target) route();
      else location.hash = target;
    });
    addEventListener('hashchange', () => { if (location.hash !== '#main') { route(); byId('main').focus(); } });
    route();
  };

  start();
})();
