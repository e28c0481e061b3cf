import { render } from 'preact';
import { Console } from './shell/console.tsx';
import './style.css';
import './parts.css';

const root = document.querySelector('#console');
if (root !== null) render(<Console />, root);
