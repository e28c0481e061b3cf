import { echo } from './echo.js';
import { avatar, element, find, me, onSubmit } from './page.js';

const TYPING_SHOWN_MS = 2500;
const TYPING_EVERY_MS = 1000;

const people = new Map();
const typing = new Map();
const talk = find('#room .talk');
const form = find('#room form');

function showPeople() {
  const row = (person) => {
    const name = person.id === me.id ? `${person.name} (you)` : person.name;
    return element('li', { 'data-person': person.name }, avatar(person), name);
  };
  find('#room .people').replaceChildren(...[...people.values()].map(row));
}

function showTyping() {
  const names = [...typing.keys()].map((id) => people.get(id)?.name).filter(Boolean);
  find('#room .typing').textContent =
    names.length === 0 ? '' : `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} typing`;
}

function notTyping(id) {
  clearTimeout(typing.get(id));
  typing.delete(id);
  showTyping();
}

function say(kind, ...inside) {
  talk.append(element('li', { class: kind }, ...inside));
  talk.scrollTop = talk.scrollHeight;
}

const room = echo
  .join('room')
  .here((members) => {
    people.clear();
    for (const person of members) people.set(String(person.id), person);
    showPeople();
  })
  .joining((person) => {
    people.set(String(person.id), person);
    showPeople();
    say('event', `${person.name} came in`);
  })
  .leaving((person) => {
    people.delete(String(person.id));
    notTyping(String(person.id));
    showPeople();
    say('event', `${person.name} left`);
  })
  .listen('MessageSent', ({ user, text }) => {
    notTyping(String(user.id));
    say('theirs', avatar(user), element('p', {}, text));
  })
  .listenForWhisper('typing', (data, metadata) => {
    // The server sets user_id, so the sender of a whisper cannot be forged.
    const id = String(metadata.user_id);
    clearTimeout(typing.get(id));
    typing.set(id, setTimeout(notTyping, TYPING_SHOWN_MS, id));
    showTyping();
  });

let whisperedAt = 0;
form.elements.text.addEventListener('input', () => {
  if (Date.now() - whisperedAt < TYPING_EVERY_MS) return;
  whisperedAt = Date.now();
  room.whisper('typing', {});
});

// toOthers() excludes this window, so it shows its own message itself.
onSubmit(form, '/room', (text) => say('mine', element('p', {}, text)));
form.addEventListener('reset', () => (whisperedAt = 0));
