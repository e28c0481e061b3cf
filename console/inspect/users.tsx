import { pathOf } from '../api.ts';
import { linkTo, userLink, useParams } from '../shell/route.ts';
import { ReadOnly } from '../shell/table.tsx';
import { Actions } from './actions.tsx';
import { useAnswer, type UserAnswer } from './answers.ts';
import { NameSearch } from './name-search.tsx';
import { Connections, Missing } from './parts.tsx';

const POLL_MS = 5000;

/** The users of an app, or one of them. */
export function Users({ onLoggedOut }: { readonly onLoggedOut: () => void }) {
  const [params, go] = useParams();
  const { app, user } = params;
  if (app !== undefined && user !== undefined)
    return <User key={`${app} ${user}`} app={app} id={user} onLoggedOut={onLoggedOut} />;
  return (
    <>
      <h1>Users</h1>
      <p class="hint">Those who have signed in, and the members of presence channels.</p>
      <NameSearch
        {...{ view: 'users', noun: 'connection', hint: '42 or admin-*' }}
        {...{ params, go, link: userLink, onLoggedOut }}
      />
    </>
  );
}

interface UserProps {
  readonly app: string;
  readonly id: string;
  readonly onLoggedOut: () => void;
}

function User({ app, id, onLoggedOut }: UserProps) {
  const path = pathOf('/user', { app, user: id });
  const { value, problem } = useAnswer<UserAnswer>(path, POLL_MS, onLoggedOut);
  return (
    <>
      <p>
        <a href={linkTo('users', { app })}>All users</a>
      </p>
      <h1>
        User <bdi>{id}</bdi>
      </h1>
      <ReadOnly />
      <p role="alert" class="problem">
        {problem}
      </p>
      <Actions actions={[endUser(app, id)]} onLoggedOut={onLoggedOut} />
      {value !== undefined && (
        <>
          <Missing silent={value.silent} />
          <Connections app={app} having={value} noun="connection" />
        </>
      )}
    </>
  );
}

/** Ends all connections of a user. */
export const endUser = (app: string, user: string) => ({
  label: 'End all connections of the user',
  question: `End all connections of the user ${user}?`,
  path: '/user/end',
  body: { app, user },
  done: 'All nodes end the connections of the user.',
});
