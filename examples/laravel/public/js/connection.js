import { echo } from './echo.js';
import { element, find, notice } from './page.js';

const LINES_KEPT = 40;

const words = {
  connecting: 'Connecting…',
  connected: 'Connected',
  unavailable: 'Server away, trying again…',
  disconnected: 'Disconnected',
  failed: 'This browser cannot connect',
};

const { connection } = echo.connector.pusher;
const status = find('#connection');
const wire = find('#wire ol');

function show(state) {
  status.dataset.state = state;
  find('[data-words]', status).textContent = words[state] ?? state;
  find('[data-socket]', status).textContent = state === 'connected' ? echo.socketId() : '';
  find('[data-connect]', status).hidden = state !== 'disconnected';
}

function record(kind, event, channel, data) {
  const time = new Date().toLocaleTimeString('en-GB');
  const summary = data === undefined ? '' : JSON.stringify(data);
  wire.prepend(
    element(
      'li',
      { class: kind },
      element('time', {}, time),
      element('b', {}, event),
      element('i', {}, channel ?? ''),
      element('span', {}, summary),
    ),
  );
  while (wire.children.length > LINES_KEPT) wire.lastChild.remove();
}

connection.bind('state_change', ({ current }) => {
  show(current);
  record('state', current);
  if (current === 'connected') notice('');
});
connection.bind('message', ({ event, channel, data }) => record('frame', event, channel, data));
show(connection.state);

// The server ended this connection for good, as terminateUserConnections does: only a click reconnects it.
find('[data-connect]', status).addEventListener('click', () => echo.connector.pusher.connect());

// localhost and 127.0.0.1 are two sites with a session each: a second person in the same browser.
const other = { 'localhost': '127.0.0.1', '127.0.0.1': 'localhost' }[location.hostname];
if (other) {
  const link = find('#second-window');
  link.href = `${location.protocol}//${other}:${location.port}/`;
  link.hidden = false;
}
