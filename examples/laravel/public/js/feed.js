import { echo } from './echo.js';
import { element, find, onSubmit } from './page.js';

const list = find('#feed .posts');

echo.channel('feed').listen('PostPublished', ({ by, text }) => {
  list.prepend(element('li', {}, element('b', {}, by), element('p', {}, text)));
});

onSubmit(find('#feed form'), '/feed');
