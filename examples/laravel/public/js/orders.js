import { echo } from './echo.js';
import { find, post } from './page.js';

const { stages } = window.app;

function outcome(row, words, kind) {
  const line = find('.outcome', row);
  line.textContent = words;
  line.dataset.kind = kind;
  line.hidden = false;
}

function listen(row) {
  const channel = `orders.${row.dataset.order}`;
  echo
    .private(channel)
    .listen('OrderMoved', ({ order }) => {
      find('.stages', row).dataset.stage = order.stage;
      outcome(row, `${stages[order.stage]}: heard on private-${channel}`, 'heard');
    })
    .error(({ status }) => {
      echo.leave(channel);
      outcome(row, `Refused (${status}): private-${channel} is for ${row.dataset.owner} alone`, 'refused');
    });
}

for (const row of document.querySelectorAll('.order')) {
  const mine = row.classList.contains('mine');
  if (mine) listen(row);
  find('[data-listen]', row)?.addEventListener('click', () => listen(row));
  find('[data-move]', row).addEventListener('click', async () => {
    await post(`/orders/${row.dataset.order}/move`).catch(() => {});
    if (!mine) outcome(row, `Done. Only ${row.dataset.owner}’s window heard it.`, 'sent');
  });
}
