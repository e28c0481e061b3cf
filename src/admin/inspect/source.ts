export interface NameQuery {
  readonly app: string;
  /** Text in the names, or the beginning of one before a `*`. */
  readonly search: string;
  /** Names after this one. */
  readonly after: string | undefined;
}

export interface ChannelQuery {
  readonly app: string;
  readonly channel: string;
  /** Members of the roster that are left out. */
  readonly skip: number;
  /** The data of events are wanted. */
  readonly data: boolean;
}

export interface UserQuery {
  readonly app: string;
  readonly user: string;
}

export interface ConnectionQuery {
  readonly app: string;
  readonly socket: string;
}

/** Channels, users and connections of all processes and nodes (SPEC 17.7, 17.8). Answers are bounded, and have no secret. */
export interface InspectionSource {
  isApp(app: string): boolean;
  channels(query: NameQuery): Promise<object>;
  channel(query: ChannelQuery): Promise<object>;
  users(query: NameQuery): Promise<object>;
  user(query: UserQuery): Promise<object>;
  connection(query: ConnectionQuery): Promise<object>;
  /** False: no process that answered has such a connection. */
  close(query: ConnectionQuery, how: 'reconnect' | 'end'): Promise<boolean>;
  /** Ends all connections of a user. Rejects with `Unavailable`. */
  endUser(query: UserQuery): Promise<void>;
}
