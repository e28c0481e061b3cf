import { echo } from './echo.js';
import './connection.js';
import './feed.js';
import './orders.js';
import './room.js';

// For the browser's console.
window.Echo = echo;
