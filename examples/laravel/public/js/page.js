import { echo } from './echo.js';

const NOTICE_LENGTH = 100;

export const me = window.app.user;

export const find = (selector, within = document) => within.querySelector(selector);

/** An element from a tag, its attributes and what is inside; text is never read as HTML. */
export function element(tag, attributes = {}, ...inside) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...inside);
  return node;
}

export function avatar(person) {
  return element('span', { class: 'avatar', style: `--color: ${person.color}` }, person.name[0]);
}

export function notice(words) {
  const box = find('#notice');
  box.textContent = words;
  box.hidden = words === '';
}

/** Posts to Laravel. X-Socket-ID names this window, so that toOthers() can leave it out. */
export async function post(path, data = {}) {
  const headers = {
    Accept: 'application/json',
    'Content-Type': 'application/json',
    'X-CSRF-TOKEN': find('meta[name=csrf-token]').content,
  };
  const socketId = echo.socketId();
  if (socketId) headers['X-Socket-ID'] = socketId;

  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(data) });
  if (response.ok) {
    notice('');
    return;
  }
  const { message } = await response.json().catch(() => ({ message: response.statusText }));
  const short = message.length > NOTICE_LENGTH ? `${message.slice(0, NOTICE_LENGTH)}…` : message;
  notice(`Not sent, Laravel answered ${response.status}: ${short}`);
  throw new Error(message);
}

/** Sends the one text field of a form to `path`, then hands the text on. */
export function onSubmit(form, path, sent = () => {}) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const text = form.elements.text.value.trim();
    if (text === '') return;
    form.reset();
    await post(path, { text }).then(
      () => sent(text),
      () => (form.elements.text.value = text),
    );
  });
}
