import Echo from 'laravel-echo';

/** Stock Echo over stock pusher-js; the options come from .env, see app/Broadcasting/ClientOptions.php. */
export const echo = new Echo({
  ...window.app.echo,
  csrfToken: document.querySelector('meta[name=csrf-token]').content,
});
