import { render } from 'preact';

const root = document.querySelector('#console');
if (root !== null) render(<main>Wavehall</main>, root);
